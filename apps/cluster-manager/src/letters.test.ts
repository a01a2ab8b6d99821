// Mutations seen red: letters opened as they come; all senders one party.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { Mom4cError } from '@mom4c/core';
import type { Opener, Signer } from '@mom4c/core';
import { createRefusals, lettersElements } from '@mom4c/member';
import { Freshness, Postbox } from '@mom4c/messaging';
import { xml } from '@mom4c/xmpp';
import { Letters } from './letters.ts';
import { FakeTime } from './test-fakes.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** A manager's door, behind which nobody can open anything. @returns the door, and the letters in the order of their opening */
function openDoor() {
  const opened: string[] = [];
  const opener: Opener = {
    async open(sealed) {
      opened.push(Buffer.from(sealed).toString());
      throw new Mom4cError('M4C_CANNOT_OPEN');
    },
  };
  const clock = new FakeTime();
  const never = async (): Promise<never> => assert.fail('what cannot be opened goes no further');
  const signer = { signDetached: never, signEnclosed: never } as unknown as Signer;
  const postbox = new Postbox({
    ...{ signer, verifier: { verify: never }, sealer: { sealTo: never, sealUnder: never }, opener },
    freshness: new Freshness(clock, { load: () => 0, save() {} }),
    findKey: () => undefined,
  });
  const parts = {
    ...{ service: 'cm@alpha.test', address: 'cm1@alpha.test', postbox },
    settings: { name: 'cm1', domain: 'alpha.test' },
    errorOf: (thrown: unknown) => thrown as Mom4cError,
  };
  const letters = new Letters(parts, createRefusals({ log: silent, clock, count() {} }));
  const put = (what: string): Promise<unknown> => {
    const element = xml('message', {}, ...lettersElements({ kind: 'sealed', sealed: Buffer.from(what) }));
    return assert.rejects(letters.open(element, ['result'], `${what.split(' ')[0]}@alpha.test/agent`));
  };
  return { put, opened };
}

test('who sends hundreds of letters at once is heard in turn with others, and the event loop goes on', async () => {
  const { put, opened } = openDoor();
  const flood = Array.from({ length: 300 }, (_, index) => put(`te3 ${index}`));
  await turnOfTheLoop();
  assert.ok(opened.length < 5 * 8, `${opened.length} were opened before anything else could be read`);
  const before = opened.length;
  await put('te1 result');
  assert.ok(opened.length <= before + 3 * 8, `te1 had to wait for ${opened.length - before} others`);
  await Promise.all(flood);
  assert.equal(opened.length, 301);
});
