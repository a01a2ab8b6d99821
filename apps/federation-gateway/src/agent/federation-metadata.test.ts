// Mutations seen red: older metadata taken, by their end, by their time, or because their place was taken; the floor forgotten
// at a restart; expired ones given; the end of an entity not told, or told late; what cannot be read puts the good ones away;
// a change of the file not noticed; nobody told of a change; the kept ones not used at a start; a folder that cannot be
// written ends the program; the fault that the thread tells lost.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { silentLog, systemRandom } from '@mom4c/core';
import { signMetadata, writeGatewayDescriptor } from '@mom4c/saml';
import { type FederationSource, followFederation } from './federation-metadata.ts';
import { READ_AT_ONCE } from './metadata-thread.ts';
import { type FakeClock, fakeClock, isError } from '../test-fakes.ts';

const HOUR = 3_600_000;
const LOOK = 2_000;
const none = isError('M4C_METADATA');

function signer(folder: string, name: string): { key: string; certificate: string } {
  const file = (suffix: string): string => join(folder, `${name}.${suffix}`);
  const form = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`];
  execFileSync('openssl', [...form, '-keyout', file('key'), '-out', file('pem')], { stdio: 'pipe' });
  return { key: readFileSync(file('key'), 'utf8'), certificate: readFileSync(file('pem'), 'utf8') };
}

const keys = mkdtempSync(join(tmpdir(), 'mom4c-metadata-keys-'));
after(() => rmSync(keys, { recursive: true }));
const own = signer(keys, 'operator');
const stranger = signer(keys, 'stranger');
const gatewayCertificate = new X509Certificate(signer(keys, 'gateway').certificate).raw;

function gatewayOf(domain: string): string {
  return writeGatewayDescriptor({
    domain,
    hosts: [domain],
    entityId: `https://gw.${domain}/metadata`,
    certificates: [gatewayCertificate],
    s2s: undefined,
    agentUrl: `https://gw.${domain}/log-in/`,
    consumerUrls: { post: `https://gw.${domain}/assertion`, paos: `https://gw.${domain}/paos` },
  });
}

type Edition = {
  readonly as: { key: string; certificate: string };
  /** From now. */
  readonly madeMs: number;
  readonly entities: readonly string[];
};

type Setting = {
  readonly clock: FakeClock;
  readonly path: string;
  /** Signed metadata that are good for so long from now. */
  readonly write: (forMs: number, edition?: Partial<Edition>) => void;
  readonly open: () => Promise<FederationSource>;
};

function setUp(context: TestContext): Setting {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-metadata-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const clock = fakeClock();
  const path = join(folder, 'metadata.xml');
  let edition = 0;
  return {
    clock,
    path,
    write(forMs, { as = own, madeMs = 0, entities = [] } = {}) {
      const aggregate = {
        name: 'f.test',
        id: `_${(edition += 1)}`,
        validUntil: clock.now() + forMs,
        createdAt: clock.now() + madeMs,
        entities,
      };
      writeFileSync(path, signMetadata(aggregate, as));
    },
    async open() {
      const source = await followFederation({
        source: { kind: 'file', path },
        signers: [own.certificate],
        folder: join(folder, 'state'),
        refreshMs: HOUR,
        https: () => Promise.reject(new Error('no network here')),
        log: silentLog,
        clock,
        random: systemRandom,
      });
      context.after(() => source.stop());
      return source;
    },
  };
}

/** What happens when the file is looked at next. */
async function look(source: FederationSource, clock: FakeClock): Promise<void> {
  const changed = new Promise<void>((resolve) => {
    const end = source.onChange(() => resolve(end()));
  });
  clock.advance(LOOK);
  await changed;
}

test('metadata are taken, and newer ones as soon as the file has changed', async (context) => {
  const { clock, write, open } = setUp(context);
  write(HOUR);
  const source = await open();
  const { digest } = source.get();
  assert.equal(source.status().validUntil, clock.now() + HOUR);
  write(2 * HOUR);
  await look(source, clock);
  assert.notEqual(source.get().digest, digest);
});

test('what cannot be used changes nothing: garbage, another signer, an older edition', async (context) => {
  const { clock, path, write, open } = setUp(context);
  write(2 * HOUR);
  const source = await open();
  const { digest } = source.get();
  const { signal } = new AbortController();
  for (const spoil of [
    () => writeFileSync(path, '<x/>'),
    () => write(3 * HOUR, { as: stranger }),
    () => write(HOUR),
    () => write(3 * HOUR, { madeMs: -1 }),
    () => rmSync(path),
  ]) {
    spoil();
    await assert.rejects(source.refresh(signal), none);
    assert.equal(source.get().digest, digest);
    assert.equal(source.status().fault?.code, 'M4C_METADATA');
  }
  write(2 * HOUR + 1);
  await source.refresh(signal);
  assert.equal(source.status().fault, undefined);
  assert.equal(source.status().lastRead, clock.now());
});

test('those of many gateways, which are read on a thread, are judged as all others', async (context) => {
  const { path, write, open } = setUp(context);
  const domains = Array.from({ length: 20 }, (_, index) => `d${index}.test`);
  const entities = domains.map(gatewayOf);
  write(HOUR, { entities });
  assert.ok(readFileSync(path, 'utf8').length > READ_AT_ONCE);
  const source = await open();
  assert.deepEqual(
    source.get().gateways.map(({ domain }) => domain),
    domains,
  );
  write(2 * HOUR, { entities, as: stranger });
  await assert.rejects(source.refresh(new AbortController().signal), none);
  assert.equal(source.status().fault?.code, 'M4C_METADATA');
});

test('a restart without a source goes on with the last good ones, and with their age', async (context) => {
  const { path, write, open, clock } = setUp(context);
  write(2 * HOUR);
  const first = await open();
  const { digest } = first.get();
  await first.stop();
  rmSync(path);
  const second = await open();
  assert.equal(second.get().digest, digest);
  await second.stop();
  write(HOUR);
  const third = await open();
  assert.equal(third.get().digest, digest, 'the older edition was refused');
  await third.stop();
  clock.advance(2 * HOUR);
  write(-1);
  const fourth = await open();
  assert.throws(() => fourth.get(), none);
});

test('a source that cannot be looked at, and a folder that cannot be written, cost nothing that is there', async (context) => {
  const { clock, path, write, open } = setUp(context);
  mkdirSync(join(dirname(path), 'state', 'federation-metadata.json.new'), { recursive: true });
  write(HOUR);
  const source = await open();
  const { digest } = source.get();
  rmSync(path);
  symlinkSync(path, path); // ELOOP, as EACCES no answer to stat, for root too
  clock.advance(LOOK);
  await new Promise(setImmediate);
  assert.equal(source.get().digest, digest);
  assert.equal(source.status().fault?.code, 'M4C_METADATA');
  rmSync(path);
  write(2 * HOUR);
  await look(source, clock);
  assert.notEqual(source.get().digest, digest);
});

test('metadata that have expired are not given', async (context) => {
  const { clock, write, open } = setUp(context);
  write(HOUR);
  const source = await open();
  clock.advance(HOUR - 1);
  source.get();
  clock.advance(1);
  assert.throws(() => source.get(), isError('M4C_METADATA', /expired/));
});

test('an edition whose place another has taken does not come back, also after a restart', async (context) => {
  const { path, write, open } = setUp(context);
  const { signal } = new AbortController();
  write(HOUR);
  const old = readFileSync(path);
  const first = await open();
  write(HOUR);
  const { digest } = first.get();
  await first.refresh(signal);
  assert.notEqual(first.get().digest, digest, 'of equal times, the one that was not seen is the newer one');
  writeFileSync(path, old);
  await assert.rejects(first.refresh(signal), isError('M4C_METADATA', /taken their place/));
  await first.stop();
  const second = await open();
  assert.equal(second.status().fault?.code, 'M4C_METADATA');
  assert.notEqual(second.get().digest, digest);
  write(HOUR + 1);
  await second.refresh(signal);
  assert.equal(second.status().fault, undefined);
});

test('what ends is gone at its time, and that is told: an entity, then all', async (context) => {
  const { clock, write, open } = setUp(context);
  const end = new Date(clock.now() + HOUR).toISOString();
  const [short, long] = [gatewayOf('beta.test'), gatewayOf('gamma.test')];
  write(2 * HOUR, { entities: [short.replace(' entityID', ` validUntil="${end}" entityID`), long] });
  const source = await open();
  const domains = (): readonly string[] => source.get().gateways.map(({ domain }) => domain);
  const told: number[] = [];
  const begin = clock.now();
  source.onChange(() => void told.push(clock.now() - begin));
  clock.advance(HOUR - 1);
  assert.deepEqual([domains(), told], [['beta.test', 'gamma.test'], []]);
  clock.advance(1);
  assert.deepEqual([domains(), told], [['gamma.test'], [HOUR]]);
  clock.advance(HOUR);
  assert.throws(domains, isError('M4C_METADATA', /expired/));
  assert.deepEqual(told, [HOUR, 2 * HOUR]);
  clock.advance(HOUR);
  assert.equal(told.length, 2);
});
