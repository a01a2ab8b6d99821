/**
 * People with a stock XMPP client (slixmpp) at the domain's server: what each sees and may do, and what becomes of whoever
 * tries more. Before each attack the same way is gone honestly.
 *
 * Mutations seen red: a manager that lets the adapter decide; no check in the postbox that an adapter names a person, and
 * that nobody else does; an execution found by its id alone; the people's host with in-band registration; no limit of one
 * person's requests; the adapter's component open to everybody.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import type { ErrorCode } from '@mom4c/core';
import { startLab } from '@mom4c/lab';
import type { DomainDescription, Lab, LabDomain } from '@mom4c/lab';
import type { Keystore } from '@mom4c/pki';
import { connect, createComponent, registerAccount, xml } from '@mom4c/xmpp';
import { newId, openClient, pemOf, sealTo, sign, silent, stealIdentity } from '../support/hostile-client.ts';
import type { HostileClient, Json } from '../support/hostile-client.ts';
import { openNodeLog } from '../support/node-log.ts';
import type { NodeLog } from '../support/node-log.ts';
import { startStockClient } from '../support/stock-client.ts';
import type { StockClient } from '../support/stock-client.ts';
import { XMPP_SERVER } from '../support/xmpp-server.ts';

const DOMAIN = 'alpha.test';
const PEOPLE = 'people.alpha.test';
const COMMANDS = 'commands.alpha.test';
const COMMANDS_NODE = 'http://jabber.org/protocol/commands';
const SERVICE = `cm@${DOMAIN}`;

const folder = mkdtempSync(join(tmpdir(), 'mom4c-stock-'));
let lab: Lab;
let domain: LabDomain;
let described: DomainDescription;
let manager: NodeLog;
const clients: { stop(): Promise<void> }[] = [];
let ann: StockClient;
let bob: StockClient;
let eve: StockClient;

const passwordFile = (name: string): string =>
  described.people!.accounts.find(({ jid }) => jid === `${name}@${PEOPLE}`)!.passwordFile;

async function person(
  name: string,
  more: { jid?: string; passwordFile?: string } = {},
): Promise<StockClient> {
  const account = { jid: `${name}@${PEOPLE}`, passwordFile: passwordFile(name), ...more };
  const client = await startStockClient(described, account);
  clients.push(client);
  return client;
}

before(async () => {
  lab = await startLab({
    folder: join(folder, 'lab'),
    server: XMPP_SERVER,
    executors: 2,
    people: { ann: 'operator', bob: 'viewer', eve: 'none' },
  });
  domain = lab.domain(DOMAIN);
  described = domain.describe();
  manager = openNodeLog(domain.node('cm1').process!.logFile);
  [ann, bob, eve] = await Promise.all([person('ann'), person('bob'), person('eve')]);
});

after(async () => {
  for (const client of clients) await client.stop();
  await lab?.down();
  rmSync(folder, { recursive: true });
});

test('people log in by SCRAM-SHA-256, with a password of their own in a file of their own', async () => {
  for (const client of [ann, bob, eve]) assert.match(client.mechanism ?? '', /^SCRAM-SHA-256(-PLUS)?$/);
  assert.equal(statSync(passwordFile('ann')).mode & 0o777, 0o600);
  const wrong = await person('ann', { passwordFile: passwordFile('bob') });
  assert.equal(wrong.mechanism, undefined);
  assert.ok(wrong.failed);
});

test('nobody registers on the host of people, and nobody logs in with a password on the host of nodes', async () => {
  const ca = readFileSync(described.caCertificate, 'utf8');
  const register = (host: string) =>
    registerAccount({
      ...described.xmpp,
      domain: host,
      tls: { ca },
      username: 'mallory',
      password: 'mallory1',
      log: silent,
    });
  assert.equal(await register(DOMAIN), 'created');
  // ejabberd ends the stream of whoever asks for what it does not offer before log-in.
  await assert.rejects(register(PEOPLE), isCode('M4C_REGISTRATION', 'M4C_XMPP_LOGIN'));
  const file = join(folder, 'mallory');
  writeFileSync(file, 'mallory1\n');
  for (const host of [DOMAIN, PEOPLE]) {
    const mallory = await person('ann', { jid: `mallory@${host}`, passwordFile: file });
    assert.equal(mallory.mechanism, undefined, host);
  }
});

test('a certificate of a node opens nobody’s account among people', async () => {
  const identity = await stealIdentity(lab.folder, DOMAIN, 'nodes/te1');
  const session = (jid: string, host: string) =>
    connect({ ...described.xmpp, domain: host, jid, tls: pemOf(identity), log: silent });
  const own = session(`te1@${DOMAIN}/door`, DOMAIN);
  await own.start();
  await own.stop();
  for (const name of ['te1', 'ann'])
    await assert.rejects(session(`${name}@${PEOPLE}/door`, PEOPLE).start(), isCode('M4C_XMPP_LOGIN'));
});

test('discovery lists what each may do', async () => {
  const nodes = async (client: StockClient) =>
    (await client.items(COMMANDS, COMMANDS_NODE)).items!.map(([node]) => node);
  const federation = ['federation', 'federationmetadata', 'federationpartners'];
  assert.deepEqual(await nodes(ann), [
    'events',
    ...federation,
    'listactuators',
    'listsensors',
    'managers',
    'nodes',
    'ping',
    'readsensor',
  ]);
  assert.deepEqual(await nodes(bob), ['events', 'listsensors', 'readsensor']);
  assert.deepEqual(await nodes(eve), []);
  const about = await ann.info(COMMANDS);
  assert.ok(about.features!.includes(COMMANDS_NODE));
  assert.deepEqual((await ann.info(COMMANDS, COMMANDS_NODE)).identities, [['automation', 'command-list']]);
  assert.deepEqual((await ann.info(COMMANDS, 'nodes')).identities, [['automation', 'command-node']]);
  assert.equal((await bob.info(COMMANDS, 'nodes')).error?.condition, 'item-not-found');
  // A person finds them by looking around at the own server.
  assert.ok((await ann.items(PEOPLE)).items, 'the server lists its services');
});

test('nodes: at once, as a table', async () => {
  const { status, columns, rows, notes } = await ann.step('nodes');
  assert.equal(status, 'completed');
  assert.deepEqual(columns!.slice(0, 4), ['node', 'role', 'address', 'present']);
  assert.deepEqual(
    rows!.map((row) => row.slice(0, 4)),
    [
      ['cm1', 'cm', 'cm1@alpha.test', 'yes'],
      ['te1', 'te', 'te1@alpha.test', 'yes'],
      ['te2', 'te', 'te2@alpha.test', 'yes'],
    ],
  );
  assert.equal(notes!.length, 1);
  assert.match(notes![0]![1], /^1 of 1 did it\nNODE +ROLE .*\ncm1 +cm /);
});

test('listsensors: a form, then the sensors of whoever was named; the manager knows for whom', async () => {
  const mark = manager.mark();
  const begun = await bob.step('listsensors');
  assert.equal(begun.status, 'executing');
  assert.deepEqual(begun.actions, ['complete']);
  assert.deepEqual(Object.keys(begun.form!), ['targets', 'labels', 'timeout']);
  const fields = { targets: ['te1'], timeout: '15s' };
  const done = await bob.step('listsensors', { action: 'complete', sessionid: begun.sessionid, fields });
  assert.equal(done.status, 'completed', JSON.stringify(done));
  assert.deepEqual(done.columns, ['node', 'sensor', 'value', 'unit', 'error']);
  const load = done.rows!.find(([, sensor]) => sensor === 'host/load1')!;
  assert.equal(load[0], 'te1');
  assert.match(load[2]!, /^[0-9.]+$/);
  assert.ok(done.rows!.every(([node]) => node === 'te1'));
  const [accepted] = await manager.next(mark, 'accepted', ({ msg }) => msg === 'accepted');
  assert.deepEqual(
    [accepted!.command, accepted!.by, accepted!.attestedBy],
    ['listsensors', `bob@${PEOPLE}`, 'adapter'],
  );
});

test('readsensor and ping, of all, of some by label; what is required is said', async () => {
  const { form } = await ann.step('readsensor');
  assert.deepEqual([form!.sensor!.required, form!.targets!.required], [true, false]);
  const all = await ann.run('readsensor', { sensor: 'host/load1' });
  assert.deepEqual(new Set(all.rows!.map(([node]) => node)), new Set(['te1', 'te2']));
  const roof = await ann.run('ping', { labels: ['site=roof'] });
  assert.deepEqual(
    roof.rows!.map(([node]) => node),
    ['te1'],
  );
});

test('silence of a node is said, beside the answer of the other', async () => {
  await domain.node('te2').stop();
  try {
    const { status, rows, notes } = await ann.run('ping', { timeout: '2s' });
    assert.equal(status, 'completed');
    assert.deepEqual(
      rows!.map(([node]) => node),
      ['te1'],
    );
    assert.equal(notes![0]![0], 'error');
    assert.match(notes![0]![1], /^1 of 2 did it\n[^]*\nte2 +no-answer +M4C_TARGET_ABSENT: /);
  } finally {
    await domain.node('te2').start();
  }
});

test('what does not fit is refused with the code, and the same execution goes on once it is put right', async () => {
  const { sessionid } = await ann.step('readsensor');
  const complete = (fields: Record<string, string | string[]>) =>
    ann.step('readsensor', { action: 'complete', sessionid, fields });
  const wrong: [Record<string, string | string[]>, ErrorCode][] = [
    [{}, 'M4C_BAD_ARGUMENTS'],
    [{ sensor: 'host/load1', colour: 'red' }, 'M4C_BAD_ARGUMENTS'],
    [{ sensor: ['host/load1', 'host/load5'] }, 'M4C_BAD_ARGUMENTS'],
    [{ sensor: 'host/load1', targets: ['Te1'] }, 'M4C_BAD_ARGUMENTS'],
    [{ sensor: 'host/load1', timeout: '1h' }, 'M4C_BAD_ARGUMENTS'],
    [{ sensor: 'host/load1', targets: ['te77'] }, 'M4C_UNKNOWN_TARGET'],
    [{ sensor: 's'.repeat(201) }, 'M4C_BAD_ARGUMENTS'],
    [{ sensor: 's'.repeat(5_000) }, 'M4C_TOO_LARGE'],
    [{ sensor: Array.from({ length: 1_001 }, () => 'x') }, 'M4C_TOO_LARGE'],
  ];
  for (const [fields, code] of wrong) {
    const { error } = await complete(fields);
    assert.equal(error?.code, code, JSON.stringify(fields).slice(0, 80));
    assert.ok(error.text.startsWith(code), 'a client of others can show it');
  }
  assert.equal((await complete({ sensor: 'host/load1' })).status, 'completed');
  const unknown = await ann.step('explode');
  assert.equal(unknown.error?.code, 'M4C_UNKNOWN_COMMAND');
});

test('more than the role allows is refused, by the manager itself as well', async () => {
  assert.equal((await ann.step('nodes')).status, 'completed');
  assert.equal((await bob.step('nodes')).error?.code, 'M4C_FORBIDDEN');
  assert.equal((await bob.step('ping')).error?.code, 'M4C_FORBIDDEN');
  assert.equal((await eve.step('listsensors')).error?.code, 'M4C_FORBIDDEN');
  // Whoever has the adapter's key asks past it.
  const adapter = await thief('nodes/adapter', 'adapter');
  assert.equal(await adapter.ask({ onBehalfOf: `ann@${PEOPLE}` }), 'accepted');
  for (const onBehalfOf of [`bob@${PEOPLE}`, `eve@${PEOPLE}`, `ann@${DOMAIN}`, `admin@${DOMAIN}`, SERVICE])
    assert.equal(await adapter.ask({ onBehalfOf }), 'M4C_FORBIDDEN', onBehalfOf);
});

test('an adapter without a person, and a person’s name in the letter of anybody else, are refused', async () => {
  const onBehalfOf = `ann@${PEOPLE}`;
  const [adapter, admin, te1] = await Promise.all([
    thief('nodes/adapter', 'adapter'),
    thief('admin', 'admin'),
    thief('nodes/te1', 'te1'),
  ]);
  assert.equal(await adapter.ask({ onBehalfOf }), 'accepted');
  assert.equal(await admin.ask({}), 'accepted');
  assert.equal(await adapter.ask({}), 'M4C_FORBIDDEN');
  assert.equal(await admin.ask({ onBehalfOf }), 'M4C_FORBIDDEN');
  assert.equal(await te1.ask({ onBehalfOf }), 'M4C_FORBIDDEN');
  assert.equal(await te1.query({ onBehalfOf }), 'M4C_FORBIDDEN');
  assert.equal(await adapter.query({ onBehalfOf }), 'permitted');
});

test('the execution of somebody else, or of another command, is not found', async () => {
  const { sessionid } = await ann.step('readsensor');
  const fields = { sensor: 'host/load1' };
  const adapter = openNodeLog(domain.node('adapter').process!.logFile);
  const mark = adapter.mark();
  const steal = await bob.step('readsensor', { action: 'complete', sessionid, fields });
  assert.equal(steal.error?.protocol, 'bad-sessionid');
  const [line] = await adapter.next(mark, 'refused', ({ msg }) => msg === 'refused');
  assert.deepEqual([line!.code, line!.detail], ['M4C_UNEXPECTED', 'bad-sessionid']);
  const otherResource = await person('ann');
  const second = await otherResource.step('readsensor', { action: 'complete', sessionid, fields });
  assert.equal(second.error?.protocol, 'bad-sessionid');
  const cancelled = await bob.step('readsensor', { action: 'cancel', sessionid });
  assert.equal(cancelled.error?.protocol, 'bad-sessionid');
  const own = await ann.step('readsensor', { action: 'complete', sessionid, fields });
  assert.equal(own.status, 'completed');
});

test('a flood of one person makes nobody else wait', async () => {
  const eager = await person('ann');
  const answers = await Promise.all(Array.from({ length: 100 }, () => eager.step('readsensor')));
  const codes = answers.map(({ status, error }) => error?.code ?? status);
  assert.ok(codes.includes('executing'));
  assert.ok(codes.includes('M4C_BUSY'));
  // Of what comes in one read, all but 64 are refused before anybody has looked at who asks.
  assert.ok(answers.some(({ error }) => error && / of a person /.test(error.text)));
  assert.equal((await bob.run('readsensor', { sensor: 'host/load1', targets: ['te1'] })).status, 'completed');
});

test('nobody speaks from another address: the server does not let it through', async () => {
  const honest = command('honest', '');
  const own = await bob.raw(honest, 'honest');
  assert.match(own.xml ?? '', /status="executing"/);
  const liar = await person('bob');
  const said = await liar.raw(command('lie', ` from='ann@${PEOPLE}/x'`, 'nodes'), 'lie');
  assert.ok(said.ended ?? said.error, JSON.stringify(said));
  assert.doesNotMatch(said.xml ?? '', /completed/);
});

test('members of the domain, by certificate, get no answer from the adapter', async () => {
  const te1 = await thief('nodes/te1', 'te1');
  const child = xml('command', { xmlns: COMMANDS_NODE, node: 'listsensors', action: 'execute' });
  assert.equal((await ann.step('listsensors')).status, 'executing');
  await assert.rejects(te1.client.session.request(COMMANDS, 'set', child), (thrown) => {
    assert.ok(thrown instanceof Mom4cError);
    // ejabberd does not let it through, Prosody leaves that to the adapter; neither asks the manager.
    return XMPP_SERVER === 'ejabberd'
      ? thrown.code === 'M4C_PEER'
      : thrown.code === 'M4C_FORBIDDEN' && /people of/.test(thrown.detail ?? '');
  });
});

test('a component needs the secret; the adapter comes back by itself', async () => {
  const { port, secretFile } = described.people!.component;
  const secret = readFileSync(secretFile, 'utf8').trim();
  const link = { host: '127.0.0.1', port, domain: COMMANDS, log: silent };
  await domain.node('adapter').stop();
  const honest = createComponent({ ...link, secret });
  await honest.start();
  await honest.stop();
  for (const wrong of [`${secret}x`, ''])
    await assert.rejects(createComponent({ ...link, secret: wrong }).start(), isCode('M4C_XMPP_LOGIN'));
  const other = createComponent({ ...link, domain: `other.${DOMAIN}`, secret });
  await assert.rejects(other.start(), isCode('M4C_XMPP_LOGIN'));
  await domain.node('adapter').start();
  assert.equal((await ann.step('nodes')).status, 'completed');
});

test('no log of the adapter or the manager holds a password or the secret', () => {
  const { accounts, component } = described.people!;
  const files = [component.secretFile, ...accounts.map(({ passwordFile: file }) => file)];
  const secrets = files.map((file) => readFileSync(file, 'utf8').trim());
  for (const name of ['adapter', 'cm1'])
    for (const secret of secrets)
      assert.ok(!readFileSync(domain.node(name).process!.logFile, 'utf8').includes(secret));
  const left = join(lab.folder, DOMAIN, XMPP_SERVER, 'accounts');
  assert.throws(() => statSync(left), /ENOENT/);
});

type Thief = {
  readonly client: HostileClient;
  /** Sends a request `nodes`. @returns the type of the answer, or the code of the refusal */
  ask(change: Json): Promise<string>;
  query(change: Json): Promise<string>;
};

const thieves = new Map<string, Promise<Thief>>();

/** Somebody with the key of a member. */
function thief(own: string, name: string): Promise<Thief> {
  const known = thieves.get(own) ?? steal(own, name);
  thieves.set(own, known);
  return known;
}

async function steal(own: string, name: string): Promise<Thief> {
  const identity = await stealIdentity(lab.folder, DOMAIN, own);
  const cm1: Keystore = await stealIdentity(lab.folder, DOMAIN, 'nodes/cm1');
  const client = await openClient(domain, identity, `${name}@${DOMAIN}/thief`);
  clients.push(client);
  const send = async (payload: Json): Promise<string> => {
    const time = Date.now();
    const head = { id: newId(), from: `${name}@${DOMAIN}`, to: SERVICE, time, expires: time + 30_000 };
    const letter = await sealTo(await sign(identity, { ...head, ...payload }), cm1);
    const { code, letter: answer } = await client.ask(`${SERVICE}/active`, letter);
    if (code) return code;
    const said = await client.open(answer!, [cm1.certificate]);
    return said.type === 'rejected' ? (said.error as { code: string }).code : (said.type as string);
  };
  return {
    client,
    ask: (change) => send({ type: 'request', name: 'nodes', args: {}, timeout: 5_000, ...change }),
    query: (change) => send({ type: 'permissions', ...change }),
  };
}

function command(id: string, from: string, node = 'listsensors'): string {
  return `<iq type='set' id='${id}' to='${COMMANDS}'${from}><command xmlns='${COMMANDS_NODE}' node='${node}' action='execute'/></iq>`;
}

function isCode(...codes: ErrorCode[]): (thrown: unknown) => boolean {
  return (thrown) => thrown instanceof Mom4cError && codes.includes(thrown.code);
}
