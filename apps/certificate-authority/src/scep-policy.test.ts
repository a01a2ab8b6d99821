/**
 * Mutation seen red: a repeated request not compared by key, by transaction, or for standing; `legacy` not asked for in an
 * enrolment, a renewal, or a repetition; a legacy token of another name taken for a renewal; role or domain of a request not
 * compared; a renewal not checked again once it is signed, an approval neither for the name nor for who approves; tokens made
 * by a revoked administrator left, by name or by serial number; the limits of all, of one address, and of time dropped from the store; a decided request decided again; a
 * revoked certificate of an approved request handed out.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Mom4cError, systemRandom as random } from '@mom4c/core';
import type { Certificate } from '@mom4c/core';
import { createAuthority, readCertificate, ScepFault } from '@mom4c/pki';
import type { ScepRequest } from '@mom4c/pki';
import { createCertificateStore } from './certificate-store.ts';
import { openDatabase } from './database.ts';
import { createEnrolmentStore } from './enrolment-store.ts';
import { createGeneration } from './generation.ts';
import { createIssuing } from './issuing.ts';
import { createOrders } from './orders.ts';
import { createRevocationList } from './revocation-list.ts';
import { createScepPolicy } from './scep-policy.ts';
import { createTokenStore } from './token-store.ts';

const DAY = 86_400_000;
const START = Date.UTC(2026, 5, 1);
const domain = 'alpha.test';
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
const [mine, another] = [newKey(), newKey()];
const clockAtStart = { now: () => START };
const { key: authorityKey, authority } = await createAuthority({
  ...{ domain, clock: clockAtStart, random, validityDays: 3650 },
});

function setUp(t: TestContext, withoutToken: 'refuse' | 'approval' = 'approval') {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-policy-'));
  const database = openDatabase(folder);
  t.after(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });
  let now = START;
  const clock = { now: () => now };
  const audits: unknown[] = [];
  const log = {
    debug() {},
    info: (fields: object) => void audits.push((fields as { audit?: string }).audit),
    warn: (fields: object) => void audits.push((fields as { audit?: string }).audit),
    error() {},
  };
  const parts = { authority, authorityKey, domain, validityDays: 90, database, clock, random, log };
  const tokens = createTokenStore(database, clock, random);
  const certificates = createCertificateStore(database, clock);
  const enrolments = createEnrolmentStore(database, { pending: 12, days: 7 }, clock, random);
  let duringSigning = (): unknown => undefined;
  const issuing = createIssuing({
    ...parts,
    certificates,
    random: {
      // For the serial number: every check before the signing is done by then.
      bytes(count) {
        duringSigning();
        return random.bytes(count);
      },
    },
  });
  const revocationList = createRevocationList({ ...parts, certificates });
  const all = { ...parts, tokens, certificates, enrolments, issuing, revocationList };
  const ask = async (
    change: Partial<ScepRequest> = {},
    remote = '192.0.2.1',
  ): Promise<Certificate | 'pending'> => {
    const request: ScepRequest = {
      subject: { name: 'te1', role: 'te', domain },
      publicKey: mine,
      challengePassword: undefined,
      transactionId: 'a',
      renews: undefined,
      algorithms: 'AES-128, sha256',
      weak: false,
      ...change,
    };
    const der = await createScepPolicy({ ...all, withoutToken }, remote).certify(request);
    return der ? readCertificate(der) : 'pending';
  };
  return {
    ...all,
    audits,
    orders: createOrders({ ...all, generation: createGeneration(all), onChange() {} }),
    ask,
    get: async (change: Partial<ScepRequest> = {}) => {
      const certificate = await ask(change);
      assert.ok(certificate !== 'pending');
      return certificate;
    },
    poll: (publicKey: KeyObject) =>
      createScepPolicy({ ...all, withoutToken }, '').poll({ transactionId: 'a', publicKey }),
    token: (legacy = false, name = 'te1') =>
      tokens.create({ name, role: 'te', ttl: '1h', legacy }, 'alice').token,
    advance: (ms: number) => (now += ms),
    /** What happens while the next certificates are being signed. */
    duringSigning: (work: () => unknown) => void (duringSigning = work),
  };
}

test('the same request may be sent again and gets the same certificate, until the token expires', async (t) => {
  const { get, ask, token, advance, certificates, audits } = setUp(t);
  const challengePassword = token();
  const first = await get({ challengePassword });
  advance(3_599_999);
  assert.equal((await get({ challengePassword })).serial, first.serial);
  assert.equal(certificates.holdingsOf('te1').count, 1);
  assert.deepEqual(audits, ['issued', 'repeated']);

  await assert.rejects(ask({ challengePassword, publicKey: another }), refused('badRequest'), 'another key');
  await assert.rejects(ask({ challengePassword, transactionId: 'b' }), refused('badRequest'), 'another one');
  await assert.rejects(ask({ challengePassword, weak: true }), refused('badAlg'), 'in a weak way');
  advance(1);
  await assert.rejects(ask({ challengePassword }), refused('badRequest'), 'too late');
});

test('a revoked certificate is not given again', async (t) => {
  const { get, ask, token, orders } = setUp(t);
  const challengePassword = token();
  const { serial } = await get({ challengePassword });
  assert.equal((await get({ challengePassword })).serial, serial);
  orders.revoke({ serial }, 'keyCompromise', 'alice');
  await assert.rejects(ask({ challengePassword }), refused('badRequest'));
});

test('weak algorithms need a token that allows them, to enrol and to renew', async (t) => {
  const { ask, get, token, tokens, advance } = setUp(t);
  const strong = token();
  await assert.rejects(ask({ challengePassword: strong, weak: true }), refused('badAlg'));
  const renews = await get({ challengePassword: strong });
  await assert.rejects(ask({ weak: true }), refused('badAlg'), 'without a token');

  await assert.rejects(ask({ renews, weak: true }), refused('badAlg'), 'the certificate alone');
  await assert.rejects(
    ask({ renews, weak: true, challengePassword: token() }),
    refused('badAlg'),
    'a plain token',
  );
  const foreign = token(true, 'te2');
  await assert.rejects(
    ask({ renews, weak: true, challengePassword: foreign }),
    refused('badAlg'),
    'the token of somebody else',
  );
  assert.equal(tokens.check(foreign).name, 'te2');
  const legacy = token(true);
  advance(20_000);
  await get({ renews, weak: true, challengePassword: legacy });
  await assert.rejects(ask({ renews, weak: true, challengePassword: legacy }), refused('badAlg'), 'used up');
  await get({ challengePassword: token(true), weak: true, publicKey: another });
  advance(20_000);
  await get({ renews });
});

test('a renewal keeps name, role and domain, and needs a certificate that stands', async (t) => {
  const { ask, get, token, orders, advance } = setUp(t);
  const renews = await get({ challengePassword: token() });
  advance(20_000);
  await get({ renews, publicKey: another });
  for (const subject of [
    { name: 'te2', role: 'te', domain },
    { name: 'te1', role: 'cm', domain },
    { name: 'te1', role: 'admin', domain },
    { name: 'te1', role: 'te', domain: 'beta.test' },
  ])
    await assert.rejects(ask({ renews, subject }), /renewal for another subject/, JSON.stringify(subject));
  orders.revoke({ serial: renews.serial }, 'unspecified', 'alice');
  await assert.rejects(ask({ renews }), refused('badCertID'));
  // Another request of the same name is nobody's certificate yet.
  await assert.rejects(ask({ renews: { ...renews, serial: '01' } }), refused('badCertID'));
});

test('a revocation ends what is being signed: a renewal, a token, an approval', async (t) => {
  const { ask, get, token, orders, certificates, enrolments, advance, duringSigning } = setUp(t);
  const renews = await get({ challengePassword: token() });
  const second = await get({ challengePassword: token(), publicKey: another });
  advance(20_000);
  const waiting = newKey();
  await ask({ publicKey: waiting });
  const { id } = enrolments.find(waiting)!;
  const challengePassword = token();

  duringSigning(() => orders.revoke({ serial: second.serial }, 'superseded', 'alice'));
  const renewed = await get({ renews, publicKey: newKey() });
  advance(20_000);
  assert.ok(certificates.isStanding(renewed), 'the revocation of another certificate');

  duringSigning(() => orders.revoke({ name: 'te1' }, 'keyCompromise', 'alice'));
  await assert.rejects(ask({ renews, publicKey: newKey() }), /revoked meanwhile/);
  assert.equal(certificates.holdingsOf('te1').count, 0);
  duringSigning(() => {});
  await assert.rejects(ask({ challengePassword, publicKey: newKey() }), refused('badRequest'), 'voided');

  const voided = token();
  duringSigning(() => orders.revoke({ name: 'te1' }, 'keyCompromise', 'alice'));
  await assert.rejects(
    ask({ challengePassword: voided, publicKey: newKey() }),
    refused('badRequest', 'M4C_TOKEN_INVALID'),
  );
  duringSigning(() => orders.reject(id, 'bob'));
  await assert.rejects(
    orders.approve(id, { name: 'te1', role: 'te' }, 'alice'),
    isCode('M4C_ENROLMENT_UNKNOWN'),
  );
  assert.equal(certificates.holdingsOf('te1').count, 0);
});

test('a revocation ends an approval that is under way: of the name, and of who approves', async (t) => {
  const { ask, get, token, tokens, orders, certificates, enrolments, duringSigning } = setUp(t);
  const administrator = tokens.create({ name: 'mallory', role: 'admin', ttl: '1h' }, 'alice').token;
  await get({
    challengePassword: administrator,
    subject: { name: 'mallory', role: 'admin', domain },
  });
  await get({ challengePassword: token(), publicKey: another });
  const other = await get({
    challengePassword: token(false, 'te2'),
    subject: { name: 'te2', role: 'te', domain },
    publicKey: newKey(),
  });
  const approveWhile = async (work: () => unknown) => {
    const publicKey = newKey();
    await ask({ publicKey });
    duringSigning(work);
    try {
      return await orders.approve(enrolments.find(publicKey)!.id, { name: 'te1', role: 'te' }, 'mallory');
    } finally {
      duringSigning(() => {});
    }
  };
  const honest = await approveWhile(() => orders.revoke({ serial: other.serial }, 'superseded', 'alice'));
  assert.ok(certificates.isStanding(honest));
  const [ofName, ofApprover] = ['te1', 'mallory'].map(
    (name) => () => orders.revoke({ name }, 'keyCompromise', 'alice'),
  );
  await assert.rejects(approveWhile(ofName!), isCode('M4C_CA_REFUSED'));
  assert.equal(certificates.holdingsOf('te1').count, 0);
  await assert.rejects(approveWhile(ofApprover!), isCode('M4C_CA_REFUSED'));
  assert.equal(certificates.holdingsOf('te1').count, 0);
});

test('with an administrator go the unused tokens that he made, by name or by serial number', async (t) => {
  const { get, tokens, orders } = setUp(t);
  const make = (name: string, by: string, role = 'te') =>
    orders.makeToken({ name, role, ttl: '7d' }, by).token;
  const subject = { name: 'mallory', role: 'admin', domain };
  const enrol = () =>
    get({ challengePassword: make('mallory', 'alice', 'admin'), subject, publicKey: newKey() });
  const other = make('te3', 'alice');
  for (const what of ['name', 'serial'] as const) {
    const certificate = await enrol();
    const made = [make('te1', 'mallory'), make('accomplice', 'mallory', 'admin')];
    for (const token of made) tokens.check(token);
    const revocation = orders.revoke(
      { [what]: certificate[what] } as { name: string },
      'keyCompromise',
      'alice',
    );
    assert.deepEqual([revocation.revoked.length, revocation.tokens], [1, 2], what);
    for (const token of made) assert.throws(() => tokens.check(token), isCode('M4C_TOKEN_INVALID'));
  }
  tokens.check(other);
});

test('without a token: refused by default; else it waits, and is decided by name, role and once', async (t) => {
  const closed = setUp(t, 'refuse');
  await assert.rejects(closed.ask(), refused('badRequest'));
  assert.deepEqual(closed.enrolments.list(), []);

  const { ask, get, poll, orders, enrolments } = setUp(t);
  assert.equal(await ask({ subject: { name: 'boss', role: 'admin', domain } }), 'pending');
  assert.equal(await ask(), 'pending', 'the same key asks once');
  const [waiting, ...others] = enrolments.list();
  assert.ok(waiting && others.length === 0);
  assert.deepEqual(waiting.subject, { name: 'boss', role: 'admin', domain });
  assert.equal(await poll(mine), undefined);
  await assert.rejects(poll(another), refused('badCertID'), 'who has not asked');

  await assert.rejects(
    orders.approve(waiting.id, { name: 'cm', role: 'te' }, 'alice'),
    isCode('M4C_BAD_ARGUMENTS'),
  );
  await assert.rejects(
    orders.approve('00', { name: 'te1', role: 'te' }, 'alice'),
    isCode('M4C_ENROLMENT_UNKNOWN'),
  );
  const issued = await orders.approve(waiting.id, { name: 'te7', role: 'te' }, 'alice');
  assert.deepEqual([issued.name, issued.role], ['te7', 'te']);
  assert.equal((await get()).serial, issued.serial);
  assert.deepEqual(readCertificate((await poll(mine))!).serial, issued.serial);
  assert.throws(() => orders.reject(waiting.id, 'alice'), isCode('M4C_ENROLMENT_UNKNOWN'));
  await assert.rejects(
    orders.approve(waiting.id, { name: 'te8', role: 'te' }, 'alice'),
    isCode('M4C_ENROLMENT_UNKNOWN'),
  );

  await ask({ publicKey: another });
  orders.reject(enrolments.find(another)!.id, 'alice');
  await assert.rejects(poll(another), refused('badRequest', 'M4C_ENROLMENT_REJECTED'));
  await assert.rejects(ask({ publicKey: another }), refused('badRequest', 'M4C_ENROLMENT_REJECTED'));
  orders.revoke({ name: 'te7' }, 'unspecified', 'alice');
  await assert.rejects(poll(mine), refused('badCertID'));
});

test('what waits is bounded: for one address, for all, in size and in time', async (t) => {
  const { ask, enrolments, advance } = setUp(t);
  const wait = (remote: string) => ask({ publicKey: newKey() }, remote);
  for (let count = 0; count < 10; count++) assert.equal(await wait('192.0.2.1'), 'pending');
  await assert.rejects(wait('192.0.2.1'), refused('badRequest', 'M4C_BUSY'));
  for (let count = 10; count < 12; count++) assert.equal(await wait('192.0.2.2'), 'pending');
  await assert.rejects(wait('192.0.2.3'), refused('badRequest', 'M4C_BUSY'));
  assert.equal(enrolments.list().length, 12);
  advance(7 * DAY);
  assert.equal(enrolments.list().length, 0);
  const subject = { name: 'x'.repeat(1024), role: undefined, domain: undefined };
  await assert.rejects(ask({ subject }), refused('badRequest'));
  assert.equal(await wait('192.0.2.1'), 'pending');
});

test("revoking a name takes its certificates and its unused tokens, and nobody else's", async (t) => {
  const { get, ask, token, orders, certificates, tokens } = setUp(t);
  const one = await get({ challengePassword: token() });
  const other = await get({
    challengePassword: token(false, 'te2'),
    subject: { name: 'te2', role: 'te', domain },
    publicKey: another,
  });
  const unused = token();
  assert.deepEqual(orders.revoke({ name: 'te1' }, 'keyCompromise', 'alice'), {
    revoked: [{ serial: one.serial, name: 'te1', role: 'te' }],
    tokens: 1,
  });
  await assert.rejects(ask({ challengePassword: unused, publicKey: another }), refused('badRequest'));
  assert.deepEqual(
    [one, other].map((certificate) => certificates.isStanding(certificate)),
    [false, true],
  );
  assert.deepEqual(
    certificates.revoked().map(({ serial, reason }) => [serial, reason]),
    [[one.serial, 'keyCompromise']],
  );
  assert.deepEqual(
    certificates.unwithdrawn().map(({ serial }) => serial),
    [one.serial],
  );
  assert.throws(
    () => orders.revoke({ name: 'te1' }, 'unspecified', 'alice'),
    isCode('M4C_ENROLMENT_UNKNOWN'),
  );
  assert.equal(tokens.isLegacyAwaited(), false);
});

function refused(failInfo: string, text?: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ScepFault, String(error));
    assert.equal(error.failInfo, failInfo, error.message);
    if (text !== undefined) assert.equal(error.text, text);
    return true;
  };
}

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Mom4cError && error.code === code;
}
