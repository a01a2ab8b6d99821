// Mutations seen red: nothing waits; it waits before it is opened; the lease not asked for again after the wait; M4C_EPOCH told as it
// is; a refusal that is not noted; every caller one that waits for an end.
// How many wait is for the session to say: see packages/xmpp/src/responder.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { textOf, xml } from '@mom4c/xmpp';
import { Beginning } from './beginning.ts';
import { reception } from './reception.ts';
import type { ReceptionParts } from './reception.ts';
import { FakeTime, zeroes } from './test-fakes.ts';

const ANN = 'ann@alpha.test/a';

test('what is asked before the journal has `lead` is answered after', async () => {
  const { ask, lead, asked, callers } = open();
  const answers = [ask('r1'), ask('r2')];
  await new Promise(setImmediate);
  assert.deepEqual([asked, callers], [[], [ANN, ANN]]);
  lead.resolve();
  assert.deepEqual(await Promise.all(answers), ['answer to r1', 'answer to r2']);
  assert.deepEqual(asked, ['r1', 'r2']);
  assert.equal(await ask('r3'), 'answer to r3');
});

test('if somebody else leads by then, it is refused so that it is asked again, and nothing of it is done', async () => {
  const { ask, lead, asked, refused } = open();
  const answer = assert.rejects(ask('r1'), { code: 'M4C_NO_MANAGER', retryable: true });
  lead.reject(new Mom4cError('M4C_EPOCH'));
  await answer;
  assert.deepEqual([asked, refused], [[], [`M4C_NO_MANAGER ${ANN}`]]);
});

test('so it is if the journal cannot be written, or the term ends', async () => {
  const [unwritten, ended] = [open(), open()];
  const answers = [
    assert.rejects(unwritten.ask('r1'), { code: 'M4C_JOURNAL', retryable: true }),
    assert.rejects(ended.ask('r1'), { code: 'M4C_NO_QUORUM', retryable: true }),
  ];
  unwritten.lead.reject(new Mom4cError('M4C_JOURNAL'));
  ended.term.abort(new Mom4cError('M4C_NO_QUORUM'));
  await Promise.all(answers);
  ended.lead.resolve();
  await new Promise(setImmediate);
  assert.deepEqual([unwritten.asked, ended.asked], [[], []]);
});

test('if the lease has run out before the journal had it, nothing is done', async () => {
  const { ask, lead, asked, lease } = open();
  const answer = assert.rejects(ask('r1'), { code: 'M4C_NO_MANAGER' });
  await new Promise(setImmediate);
  lease.held = false;
  lead.resolve();
  await answer;
  await assert.rejects(ask('r2'), { code: 'M4C_NO_MANAGER' });
  assert.deepEqual(asked, []);
});

test('what is no letter for us does not wait to be refused', async () => {
  const { ask, callers } = open();
  await assert.rejects(ask(undefined), { code: 'M4C_NOT_SIGNED' });
  assert.deepEqual(callers, []);
});

test('of a question about rights nobody waits for the end', async () => {
  const { ask, lead, callers } = open();
  lead.resolve();
  assert.equal(await ask('p1', 'permissions'), 'answer to p1');
  assert.deepEqual(callers, []);
});

/** Letters are their ids, in the clear. */
function open() {
  const lead = Promise.withResolvers<void>();
  const term = new AbortController();
  const lease = { held: true };
  const [asked, refused, callers]: [string[], string[], string[]] = [[], [], []];
  const beginning = new Beginning({
    ...{ epoch: { generation: 1, counter: 7 }, journal: { lead: () => lead.promise } },
    ...{ clock: new FakeTime(), random: zeroes, ended: term.signal },
    adopt: async () => {},
    onFailed() {},
  });
  const parts = {
    letters: {
      async open({ attrs: { id, type } }: { attrs: Record<string, string> }) {
        if (id === undefined) throw new Mom4cError('M4C_NOT_SIGNED');
        return { payload: { type, id }, signer: 'ann' };
      },
      refused(thrown: Mom4cError, from: string) {
        refused.push(`${thrown.code} ${from}`);
        return thrown;
      },
    },
    postbox: {
      sealTo: async ({ id }: { id: string }, [signer]: readonly string[]) => ({
        kind: 'sealed',
        sealed: Buffer.from(`${signer} gets answer to ${id}`),
      }),
    },
    check() {
      if (!lease.held) throw new Mom4cError('M4C_NO_MANAGER');
    },
    beginning,
    onCaller: (caller: string) => void callers.push(caller),
    async answer({ payload }: { payload: { id: string } }) {
      asked.push(payload.id);
      return payload;
    },
  };
  const receive = reception(parts as unknown as ReceptionParts);
  const ask = async (id: string | undefined, type = 'request'): Promise<string> => {
    const element = xml('x', { id, type });
    const answer = await receive({ from: ANN, type: 'set', element, child: element } as never);
    return Buffer.from(textOf(answer!), 'base64').toString().replace('ann gets ', '');
  };
  return { ask, lead, term, lease, asked, refused, callers };
}
