// Mutations seen red, one each: no role check; either half of the check for whom somebody speaks left out; no sender check; no audience check; admitting before the checks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError, systemRandom } from '@mom4c/core';
import type { Certificate } from '@mom4c/core';
import { Freshness } from './freshness.ts';
import { encodePayload } from './payload.ts';
import type { PayloadOf } from './payload.ts';
import { Postbox } from './postbox.ts';
import { SessionKeyRing, handOut, newSessionKey, takeKey } from './session-keys.ts';
import {
  fakeCertificate,
  fakeOpener,
  fakeSealer,
  fakeSigner,
  fakeVerifier,
  memoryFloor,
  settableClock,
} from './test-fakes.ts';

const START = 1_700_000_000_000;
const ROOM = 'cluster@conference.alpha.test';
const manager = fakeCertificate('cm1', 'cm', ['cm1@alpha.test', 'cm@alpha.test']);
const te1 = fakeCertificate('te1', 'te');
const te2 = fakeCertificate('te2', 'te');
const admin = fakeCertificate('admin', 'admin');
const adapter = fakeCertificate('commands', 'adapter');
const known = [manager, te1, te2, admin, adapter];

function postboxOf(certificate: Certificate, ring = new SessionKeyRing()): Postbox {
  return new Postbox({
    signer: fakeSigner(certificate),
    verifier: fakeVerifier(known),
    sealer: fakeSealer,
    opener: fakeOpener(certificate.name),
    freshness: new Freshness(settableClock(START), memoryFloor()),
    findKey: ring.find,
  });
}

let count = 0;
function command(
  to: string | { room: string; targets: '*' | readonly string[] },
  from = 'cm@alpha.test',
): PayloadOf<'command'> {
  const id = `01890a5d-ac96-774b-bcce-${String(++count).padStart(12, '0')}`;
  const epoch = { generation: 1, counter: 1 };
  return {
    type: 'command',
    id,
    from,
    to: to as PayloadOf<'command'>['to'],
    time: START,
    expires: START + 5000,
    epoch,
    name: 'ping',
    args: {},
  };
}

const audience = { addresses: ['te1@alpha.test'], rooms: [ROOM], name: 'te1' };
const code = (wanted: string) => (thrown: unknown) => thrown instanceof Mom4cError && thrown.code === wanted;

test('a command to one address, or to a room under its key, is received with its signer', async () => {
  const ring = new SessionKeyRing();
  const key = newSessionKey(systemRandom);
  ring.add(takeKey(handOut(key)));
  const receiver = postboxOf(te1, ring);
  const direct = await postboxOf(manager).sealTo(command('te1@alpha.test'), [te1]);
  const received = await receiver.open(direct, ['command'], audience, 'cm@alpha.test');
  assert.equal(received.signer.name, 'cm1');
  assert.equal(received.payload.name, 'ping');
  for (const targets of ['*' as const, ['te1', 'te2']]) {
    const letter = await postboxOf(manager).sealUnder(command({ room: ROOM, targets }), key);
    assert.equal((await receiver.open(letter, ['command'], audience)).payload.type, 'command');
  }
});

test('refused: another address, another room, not among the targets', async () => {
  const receiver = postboxOf(te1);
  for (const [to, why] of [
    ['te2@alpha.test', 'M4C_NOT_FOR_US'],
    [{ room: 'other@conference.alpha.test', targets: '*' as const }, 'M4C_NOT_FOR_US'],
    [{ room: 'other@conference.alpha.test', targets: ['te1'] }, 'M4C_NOT_FOR_US'],
    [{ room: ROOM, targets: ['te2'] }, 'M4C_NOT_A_TARGET'],
  ] as const) {
    const letter = await postboxOf(manager).sealTo(command(to), [te1]);
    await assert.rejects(receiver.open(letter, ['command'], audience), code(why));
  }
});

test('refused: a role that may not say it, a sender that is not the signer, a sender that did not send it', async () => {
  const receiver = postboxOf(te1);
  const posing = await postboxOf(te2).sealTo(command('te1@alpha.test', 'te2@alpha.test'), [te1]);
  await assert.rejects(receiver.open(posing, ['command'], audience), code('M4C_FORBIDDEN'));
  const borrowed = await postboxOf(manager).sealTo(command('te1@alpha.test', 'cm2@alpha.test'), [te1]);
  await assert.rejects(receiver.open(borrowed, ['command'], audience), code('M4C_SENDER_MISMATCH'));
  const honest = await postboxOf(manager).sealTo(command('te1@alpha.test'), [te1]);
  await assert.rejects(
    receiver.open(honest, ['command'], audience, 'te2@alpha.test'),
    code('M4C_SENDER_MISMATCH'),
  );
  await receiver.open(honest, ['command'], audience, 'cm@alpha.test');
});

test('an adapter says for whom it asks, and nobody else speaks for others', async () => {
  const receiver = postboxOf(manager);
  const asked = { addresses: ['cm@alpha.test'], rooms: [], name: 'cm1' };
  const onBehalfOf = 'ann@people.alpha.test';
  const open = async (from: Certificate, person: object) => {
    const { epoch: _, ...common } = command('cm@alpha.test', from.addresses[0]);
    const payload = { ...common, type: 'request', timeout: 1000, ...person } as PayloadOf<'request'>;
    return receiver.open(await postboxOf(from).sealTo(payload, [manager]), ['request'], asked);
  };
  assert.equal((await open(adapter, { onBehalfOf })).payload.onBehalfOf, onBehalfOf);
  assert.equal((await open(admin, {})).payload.onBehalfOf, undefined);
  await assert.rejects(open(adapter, {}), code('M4C_FORBIDDEN'));
  await assert.rejects(open(admin, { onBehalfOf }), code('M4C_FORBIDDEN'));
  await assert.rejects(open(te1, { onBehalfOf }), code('M4C_FORBIDDEN'));
});

test('refused: in the clear, of another type than this door takes, sealed for others', async () => {
  const receiver = postboxOf(te1);
  const payload = command('te1@alpha.test');
  const content = encodePayload(payload);
  const clear = {
    kind: 'signed' as const,
    content,
    signature: await fakeSigner(manager).signDetached(content),
  };
  await assert.rejects(receiver.open(clear, ['command'], audience), code('M4C_NOT_SEALED'));
  const letter = await postboxOf(manager).sealTo(payload, [te1]);
  await assert.rejects(receiver.open(letter, ['joined'], audience), code('M4C_UNEXPECTED'));
  const forOther = await postboxOf(manager).sealTo(payload, [te2]);
  await assert.rejects(receiver.open(forOther, ['command'], audience), code('M4C_CANNOT_OPEN'));
});

test('what was refused does not use up the id of the honest message', async () => {
  const receiver = postboxOf(te1);
  const payload = command('te1@alpha.test');
  const letter = await postboxOf(manager).sealTo(payload, [te1]);
  await assert.rejects(
    receiver.open(letter, ['command'], { ...audience, addresses: [] }),
    code('M4C_NOT_FOR_US'),
  );
  await receiver.open(letter, ['command'], audience);
  await assert.rejects(receiver.open(letter, ['command'], audience), code('M4C_REPLAY'));
});

test('a ring holds the current key and the one before', () => {
  const ring = new SessionKeyRing();
  const keys = [1, 2, 3].map(() => newSessionKey(systemRandom));
  for (const key of keys) ring.add(key);
  assert.deepEqual(
    keys.map((key) => ring.has(key.id)),
    [false, true, true],
  );
});
