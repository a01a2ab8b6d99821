// Mutation seen red: handlers called without the queue; all senders one party of it; nobody told of M4C_BUSY; the handler called
// without `try`; `onUnserved` not called for two children, or for what nobody handles; 'service-unavailable' and 'feature-not-implemented' swapped; `more.length > 0` removed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { xml, type Child, type Element } from './element.ts';
import { createResponder, REQUEST_LIMITS } from './responder.ts';
import { describeStanzaError, stanzaError } from './stanza-error.ts';
import { countingRandom, fakeClock, rememberingLog } from './test-fakes.ts';

const KIND = { name: 'do', xmlns: 'urn:test' };
const FROM = 'cm@alpha.test/active';

function setUp(refuse?: (stanza: Element) => Mom4cError | undefined) {
  const sent: Element[] = [];
  const log = rememberingLog();
  const transmit = async (stanza: Element): Promise<void> => {
    const error = refuse?.(stanza);
    if (error) throw error;
    sent.push(stanza);
  };
  const unserved: string[] = [];
  const onUnserved = (error: Mom4cError, from: string): void => void unserved.push(`${error.code} ${from}`);
  const parts = { log, clock: fakeClock(), random: countingRandom(), onUnserved };
  const responder = createResponder(transmit, parts);
  const askBy = async (
    from: string,
    type: string | undefined,
    ...children: Child[]
  ): Promise<Element | undefined> => {
    const before = sent.length;
    responder.receive({ from, type, element: xml('iq', { type, id: 'i', from }, ...children) });
    await new Promise(setImmediate);
    return sent[before];
  };
  const ask = (type: string | undefined, ...children: Child[]): Promise<Element | undefined> =>
    askBy(FROM, type, ...children);
  return { responder, ask, askBy, sent, log, unserved };
}

const payload = (name = KIND.name, xmlns = KIND.xmlns): Element => xml(name, { xmlns });

test('a result goes to the asker under the same id', async () => {
  const { responder, ask } = setUp();
  responder.handle(KIND, async ({ from, type, child }) => xml('done', { from, type, name: child.name }));
  const answer = await ask('set', payload());
  assert.deepEqual({ ...answer?.attrs }, { to: FROM, id: 'i', type: 'result' });
  assert.deepEqual({ ...answer?.getChild('done')?.attrs }, { from: FROM, type: 'set', name: 'do' });
});

test('pings are answered', async () => {
  const answer = await setUp().ask('get', payload('ping', 'urn:xmpp:ping'));
  assert.equal(answer?.attrs.type, 'result');
});

test('what nobody handles gets an error, and is told', async () => {
  const { responder, ask, unserved } = setUp();
  responder.handle(KIND, async () => undefined);
  const condition = async (...question: Parameters<typeof ask>): Promise<string> =>
    describeStanzaError((await ask(...question))!).condition;
  assert.equal(await condition('get', payload('do', 'urn:other')), 'service-unavailable');
  assert.equal(await condition('get', payload('other')), 'feature-not-implemented');
  assert.equal(await condition('get'), 'bad-request');
  assert.equal(await condition('get', payload(), payload()), 'bad-request');
  assert.equal(await condition('strange', payload()), 'bad-request');
  assert.equal(await condition(undefined, payload()), 'bad-request');
  assert.deepEqual(unserved, [
    ...['M4C_UNEXPECTED', 'M4C_UNEXPECTED'].map((code) => `${code} ${FROM}`),
    ...Array.from({ length: 4 }, () => `M4C_MALFORMED ${FROM}`),
  ]);
});

test('an error of the catalogue is the answer; a bug is logged and sent as M4C_INTERNAL without its text', async () => {
  const { responder, ask, log } = setUp();
  let thrown: Error = new Mom4cError('M4C_FORBIDDEN', 'needs a right');
  responder.handle(KIND, () => Promise.reject(thrown));
  const forbidden = stanzaError((await ask('set', payload()))!);
  assert.deepEqual([forbidden.code, forbidden.detail], ['M4C_FORBIDDEN', 'needs a right']);
  assert.equal(log.lines.length, 0);

  thrown = new TypeError('secret path /x');
  const answer = (await ask('set', payload()))!;
  assert.doesNotMatch(answer.toString(), /secret/);
  const { code, correlation } = stanzaError(answer);
  assert.equal(code, 'M4C_INTERNAL');
  assert.partialDeepStrictEqual(log.lines, [{ level: 'error', fields: { err: thrown, correlation } }]);

  responder.handle({ name: 'sync', xmlns: 'urn:test' }, () => {
    throw thrown;
  });
  assert.equal(stanzaError((await ask('set', payload('sync')))!).code, 'M4C_INTERNAL');
});

test('one sender can have so many requests with us; its next is M4C_BUSY, and others are served', async () => {
  const { responder, ask, askBy, unserved } = setUp();
  const work: { from: string; end: () => void }[] = [];
  responder.handle(
    KIND,
    ({ from }) =>
      new Promise((resolve) => {
        work.push({ from, end: () => resolve(undefined) });
      }),
  );
  const { runningPerParty, perParty } = REQUEST_LIMITS;
  for (let i = 0; i < perParty.pieces; i += 1) assert.equal(await ask('set', payload()), undefined);
  assert.equal(work.length, runningPerParty, 'the others wait for their turn');
  assert.equal(stanzaError((await ask('set', payload()))!).code, 'M4C_BUSY');
  assert.equal(stanzaError((await askBy('cm@alpha.test/other', 'set', payload()))!).code, 'M4C_BUSY');
  assert.deepEqual(unserved, [`M4C_BUSY ${FROM}`, 'M4C_BUSY cm@alpha.test/other']);
  assert.equal(await askBy('admin@alpha.test/x', 'set', payload()), undefined);
  assert.equal(work.at(-1)?.from, 'admin@alpha.test/x', 'at once');
  work[0]!.end();
  await new Promise(setImmediate);
  assert.equal(await ask('set', payload()), undefined, 'below the limit again');
  assert.equal(unserved.length, 2);
});

test('a result that is too large becomes an error; being offline is quiet', async () => {
  const large = setUp((stanza) =>
    stanza.attrs.type === 'result' ? new Mom4cError('M4C_TOO_LARGE') : undefined,
  );
  large.responder.handle(KIND, async () => undefined);
  assert.equal(stanzaError((await large.ask('set', payload()))!).code, 'M4C_TOO_LARGE');

  const offline = setUp(() => new Mom4cError('M4C_XMPP_OFFLINE'));
  offline.responder.handle(KIND, async () => undefined);
  assert.equal(await offline.ask('set', payload()), undefined);
  assert.deepEqual(
    offline.log.lines.map(({ level }) => level),
    ['debug'],
  );
});
