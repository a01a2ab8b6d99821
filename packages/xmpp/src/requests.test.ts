// Mutation seen red: `mayAnswer` returning true; `settle` without `pending.delete`; `failAll` empty; the `catch` of
// `transmit` removed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import type { Element } from './element.ts';
import { xml } from './element.ts';
import { createRequests } from './requests.ts';
import { plainErrorElement } from './stanza-error.ts';
import { countingRandom, fakeClock, isError } from './test-fakes.ts';

const JID = 'te1@alpha.test/agent';

function setUp(transmit?: (stanza: Element) => Promise<void>) {
  const sent: Element[] = [];
  const clock = fakeClock();
  const requests = createRequests(transmit ?? (async (stanza) => void sent.push(stanza)), {
    jid: JID,
    clock,
    random: countingRandom(),
  });
  const answer = (from: string, index = 0, type = 'result', ...children: Element[]): boolean =>
    requests.answer({ from, type, element: xml('iq', { type, id: sent[index]?.attrs.id }, ...children) });
  return { requests, clock, sent, answer };
}

const ping = (): Element => xml('ping', { xmlns: 'urn:xmpp:ping' });

test('only whom we asked can answer, and once', async () => {
  const { requests, answer } = setUp();
  const result = requests.send('cm@alpha.test/active', 'get', ping());
  assert.equal(answer('evil@alpha.test/active'), false);
  assert.equal(answer('cm@alpha.test'), false);
  assert.equal(answer('alpha.test'), false);
  assert.equal(answer(JID), false);
  assert.equal(answer('cm@alpha.test/active'), true);
  assert.equal(answer('cm@alpha.test/active'), false);
  assert.equal((await result).attrs.type, 'result');
});

test('for the own account the server answers under several names', async () => {
  for (const from of ['te1@alpha.test', JID, 'alpha.test']) {
    const { requests, answer } = setUp();
    const result = requests.send('te1@alpha.test', 'get', ping());
    assert.equal(answer(from), true, from);
    await result;
  }
});

test('ids differ', async () => {
  const { requests, sent } = setUp();
  const both = [
    requests.send('a@alpha.test/x', 'get', ping()),
    requests.send('a@alpha.test/x', 'get', ping()),
  ];
  assert.notEqual(sent[0]?.attrs.id, sent[1]?.attrs.id);
  requests.failAll();
  await Promise.allSettled(both);
});

test('an error, the time limit, an abort and the loss of the connection reject', async () => {
  const { requests, answer, clock } = setUp();
  const failing = requests.send('cm@alpha.test/active', 'set', ping());
  answer('cm@alpha.test/active', 0, 'error', plainErrorElement('cancel', 'service-unavailable'));
  await assert.rejects(failing, isError('M4C_XMPP_RECIPIENT'));

  const late = requests.send('cm@alpha.test/active', 'set', ping(), { timeoutMs: 50 });
  clock.advance(49);
  assert.equal(await Promise.race([late.catch(() => 'rejected'), Promise.resolve('pending')]), 'pending');
  clock.advance(1);
  await assert.rejects(late, isError('M4C_TIMEOUT'));
  assert.equal(answer('cm@alpha.test/active', 1), false, 'a late answer is nobody’s');

  const controller = new AbortController();
  const aborted = requests.send('cm@alpha.test/active', 'set', ping(), { signal: controller.signal });
  controller.abort(new Mom4cError('M4C_STOPPED'));
  await assert.rejects(aborted, isError('M4C_STOPPED'));
  await assert.rejects(
    requests.send('cm@alpha.test/active', 'set', ping(), { signal: controller.signal }),
    isError('M4C_STOPPED'),
  );

  const cut = requests.send('cm@alpha.test/active', 'set', ping());
  requests.failAll();
  await assert.rejects(cut, isError('M4C_XMPP_OFFLINE'));
});

test('what cannot be sent rejects with its reason', async () => {
  const { requests } = setUp(() => Promise.reject(new Mom4cError('M4C_TOO_LARGE')));
  await assert.rejects(requests.send('cm@alpha.test', 'set', ping()), isError('M4C_TOO_LARGE'));
});

test('an error that comes before the sending has ended is no unhandled rejection', async (context) => {
  const unhandled = context.mock.fn();
  process.on('unhandledRejection', unhandled);
  const { promise: sending, resolve: sendingEnds } = Promise.withResolvers<void>();
  const sent: Element[] = [];
  const { requests } = setUp((stanza) => (sent.push(stanza), sending));
  const result = requests.send('cm@alpha.test/active', 'set', ping());
  const element = xml(
    'iq',
    { type: 'error', id: sent[0]?.attrs.id },
    plainErrorElement('cancel', 'not-allowed'),
  );
  requests.answer({ from: 'cm@alpha.test/active', type: 'error', element });
  await assert.rejects(result, isError('M4C_PEER'));
  sendingEnds();
  await new Promise(setImmediate);
  process.off('unhandledRejection', unhandled);
  assert.equal(unhandled.mock.callCount(), 0);
});
