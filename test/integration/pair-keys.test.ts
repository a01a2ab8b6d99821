/**
 * Pair keys between real nodes: used for many letters, unknown to nobody who may open, of no use to anybody else. What an
 * attacker sends here was taken from the server's own log, as its operator could.
 */
// Mutations seen red: a new pair key for each letter; secrets kept without regard to their point; the sender that the
// server vouches for not looked at.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemRandom } from '@mom4c/core';
import { createSealer } from '@mom4c/pki';
import { doorsOf } from '../support/attack-doors.ts';
import type { Doors } from '../support/attack-doors.ts';
import { ACTIVE, DESK, DOMAIN, MALLORY, openRange } from '../support/attack-range.ts';
import type { Range } from '../support/attack-range.ts';
import { pointOf, readdressed } from '../support/cms-surgery.ts';
import { sealed, sign } from '../support/hostile-client.ts';

const TE1 = `te1@${DOMAIN}`;
const TEST_MS = { timeout: 120_000 };
/** Many processes start at once, maybe beside those of another test. */
const LAB_MS = { timeout: 170_000 };

let range: Range;
let doors: Doors;

before(async () => {
  range = await openRange({ showStanzas: true });
  doors = doorsOf(range);
}, LAB_MS);

after(() => range?.down());

type Overheard = { readonly command: Buffer; readonly result: Buffer };

/** A command to te1 alone, with all that follows, as the server saw it. */
async function overheard(): Promise<Overheard> {
  const mark = range.server.mark();
  await doors.manages.honest();
  const [command, result] = await Promise.all([
    range.server.letter(mark, 'iq', `${TE1}/agent`, DESK),
    range.server.letter(mark, 'message', ACTIVE, `${TE1}/agent`),
  ]);
  return { command: Buffer.from(command, 'base64'), result: Buffer.from(result, 'base64') };
}

/** Killed without warning, and the cluster as before. */
async function restart(name: 'cm1' | 'te1'): Promise<void> {
  const mark = range.logs.cm1.mark();
  const node = range.domain.node(name);
  await node.stop({ signal: 'SIGKILL' });
  await node.start();
  await range.logs.cm1.next(
    mark,
    'presence of te1',
    ({ msg, executor }) => msg === 'present' && executor === 'te1',
  );
}

test(
  'manager and executor use a pair key again, each its own, and a letter is never the same twice',
  TEST_MS,
  async () => {
    const [first, second] = [await overheard(), await overheard()];
    assert.equal(pointOf(first.command), pointOf(second.command));
    assert.equal(pointOf(first.result), pointOf(second.result));
    assert.notEqual(pointOf(first.command), pointOf(first.result));
    assert.notDeepEqual(first.result.subarray(0, 400), second.result.subarray(0, 400));
  },
);

test('who was started anew has forgotten all pair keys, and loses no letter', TEST_MS, async () => {
  const before = await overheard();
  await restart('cm1');
  // The executor goes on under the key that it had; the outcome says that its result was opened.
  const after = await overheard();
  assert.equal(pointOf(after.result), pointOf(before.result));
  assert.notEqual(pointOf(after.command), pointOf(before.command));

  await restart('te1');
  const last = await overheard();
  assert.equal(pointOf(last.command), pointOf(after.command));
  assert.notEqual(pointOf(last.result), pointOf(after.result));
});

test('a pair key of others is of no use: not planted, not reflected, not replayed', TEST_MS, async () => {
  const { manages, direct, refused, executor, request, result, command } = doors;
  const { identities, mallory, manager, admin } = range;
  const toManager = (letter: Buffer) => () => mallory.message(ACTIVE, sealed(letter));
  // The manager was restarted, and leads under a new epoch.
  await range.admit();
  const { command: commanded, result: answered } = await overheard();

  // An honest letter of te3 that is taken apart and put together is still one.
  const sealer = createSealer(systemRandom);
  const ofMallory = async (content: Uint8Array): Promise<Buffer> =>
    Buffer.from(await sealer.sealTo(content, [identities.cm1.certificate]));
  const own = await ofMallory(await sign(identities.te3, result('01890a5d-ac96-774b-bcce-b302099a8057')));
  await refused(manages, 'M4C_UNEXPECTED', 'a result nobody waits for', toManager(readdressed(own, own)));

  const planted = readdressed(own, answered);
  await refused(manages, 'M4C_CANNOT_OPEN', 'a letter under the pair key of te1', toManager(planted));
  const stolen = readdressed(answered, own);
  await refused(manages, 'M4C_CANNOT_OPEN', 'a letter of te1 under the pair key of te3', toManager(stolen));
  await refused(manages, 'M4C_CANNOT_OPEN', 'the letter to te1, reflected', toManager(commanded));
  await refused(manages, 'M4C_SENDER_MISMATCH', 'the letter of te1, again', toManager(answered));
  await refused(direct('te1'), 'M4C_CANNOT_OPEN', 'the letter of te1, reflected', async () => {
    const { code } = await manager.ask(executor('te1'), sealed(answered));
    return code;
  });
  await refused(direct('te1'), 'M4C_CANNOT_OPEN', 'a command under the key of the other way', async () => {
    const told = await createSealer(systemRandom).sealTo(await sign(identities.cm1, command(TE1)), [
      identities.te1.certificate,
    ]);
    const { code } = await manager.ask(executor('te1'), sealed(readdressed(told, answered)));
    return code;
  });

  // Under a key that he has agreed on himself, and that has just worked, he may say only what is his to say.
  const inTheNameOf = await ofMallory(
    await sign(identities.te3, result('01890a5d-ac96-774b-bcce-b302099a8057', { from: TE1 })),
  );
  assert.equal(pointOf(inTheNameOf), pointOf(own));
  await refused(manages, 'M4C_SENDER_MISMATCH', 'a result of te1 signed by te3', toManager(inTheNameOf));
  const unsigned = await ofMallory(Buffer.from(JSON.stringify(request({ from: MALLORY }))));
  await refused(manages, 'M4C_MALFORMED', 'an unsigned request under a pair key', async () => {
    const { code } = await admin.ask(ACTIVE, sealed(unsigned));
    return code;
  });
});
