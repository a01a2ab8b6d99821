// Mutations seen red, one each: an execution found by its id alone; by id and sender without the command; not ended by
// `cancel`; kept after success; given up when its form was wrong; `running` not looked at; no limit per person; no limit
// of all; executions that never end; `next` taken for `complete`; the list not asked for the asker.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { EXECUTION_MS, MAX_PER_PERSON } from './ad-hoc-sessions.ts';
import { NS_COMMANDS, serveAdHoc, type AdHocService } from './ad-hoc.ts';
import { NS_DATA } from './data-form.ts';
import { xml, type Attributes, type Element } from './element.ts';
import type { RequestHandler } from './responder.ts';
import { countingRandom, fakeClock, isError } from './test-fakes.ts';

const INFO = 'http://jabber.org/protocol/disco#info';
const ITEMS = 'http://jabber.org/protocol/disco#items';
const ANN = 'ann@people.alpha.test/phone';
const BOB = 'bob@people.alpha.test/desk';

const DONE = { type: 'info', text: 'done' } as const;
const form = {
  title: 'Turn',
  instructions: 'Says what it turns.',
  fields: [{ name: 'what', type: 'text-single', label: 'What', required: true, values: ['x'] }],
} as const;

/** Ann may `turn` (a form) and `look` (none); nobody else may anything. */
function setUp(run: AdHocService['run'] = async () => ({ note: DONE })) {
  const clock = fakeClock();
  const handlers = new Map<string, RequestHandler>();
  const host = {
    domain: 'commands.alpha.test',
    onRequest: ({ xmlns }: { xmlns: string }, handler: RequestHandler) => handlers.set(xmlns, handler),
  };
  const own = [
    { node: 'turn', name: 'Turn it' },
    { node: 'look', name: 'Look at it' },
  ];
  const list = async (from: string) => (from === ANN ? own : []);
  const service: AdHocService = {
    name: 'Commands',
    list,
    async form(node, from) {
      if (!(await list(from)).some((one) => one.node === node)) throw new Mom4cError('M4C_FORBIDDEN');
      return node === 'turn' ? form : undefined;
    },
    run,
  };
  serveAdHoc(host, service, { clock, random: countingRandom() });
  const ask = async (child: Element, from = ANN, type: 'get' | 'set' = 'set'): Promise<Element> => {
    const element = xml('iq', { type, from, to: host.domain, id: '1' }, child);
    const answer = await handlers.get(child.getNS() ?? '')!({ from, type, element, child });
    return answer!;
  };
  const discover = (xmlns: string, node?: string, from = ANN) =>
    ask(xml('query', { xmlns, node }), from, 'get');
  const command = (attributes: Attributes, from = ANN, ...children: Element[]) =>
    ask(xml('command', { xmlns: NS_COMMANDS, ...attributes }, ...children), from);
  const begin = async (from = ANN): Promise<string> =>
    (await command({ node: 'turn', action: 'execute' }, from)).attrs.sessionid!;
  const finish = (sessionid: string, from = ANN, change: Attributes = {}) =>
    command({ node: 'turn', sessionid, action: 'complete', ...change }, from, filled());
  return { clock, discover, command, begin, finish };
}

function filled(type = 'submit'): Element {
  const field = xml('field', { var: 'what' }, xml('value', {}, 'the light'));
  return xml('x', { xmlns: NS_DATA, type }, field);
}

/** Of an error: its condition, and XEP-0050's. */
function faults(answer: Element): string[] {
  assert.equal(answer.name, 'error');
  return answer.getChildElements().map((child) => child.name);
}

test('discovery tells each requester what he may run, and nothing else', async () => {
  const { discover } = setUp();
  const nodes = async (from: string) =>
    (await discover(ITEMS, NS_COMMANDS, from))
      .getChildren('item')
      .map(({ attrs }) => [attrs.node, attrs.name]);
  assert.deepEqual(await nodes(ANN), [
    ['turn', 'Turn it'],
    ['look', 'Look at it'],
  ]);
  assert.deepEqual(await nodes(BOB), []);
  const kind = async (node?: string) => (await discover(INFO, node)).getChild('identity')?.attrs.type;
  assert.deepEqual(
    [await kind(), await kind(NS_COMMANDS), await kind('turn')],
    ['generic', 'command-list', 'command-node'],
  );
  assert.deepEqual(faults(await discover(INFO, 'turn', BOB)), ['item-not-found']);
  assert.deepEqual(faults(await discover(ITEMS, 'elsewhere')), ['item-not-found']);
});

test('a command with a form: begun, filled in, done', async () => {
  const given: unknown[] = [];
  const { command, finish } = setUp(async (node, from, values) => {
    given.push(node, from, [...values]);
    return {
      table: { title: 'It', columns: [{ name: 'a', label: 'A' }], rows: [['1'], ['2\u001b[2J']] },
      note: { type: 'warn', text: 'slowly\nbut \u001b[1msurely' },
    };
  });
  const begun = await command({ node: 'turn' });
  assert.equal(begun.attrs.status, 'executing');
  assert.deepEqual(begun.getChild('actions')?.attrs, { execute: 'complete' });
  assert.equal(begun.getChild('x', NS_DATA)?.attrs.type, 'form');
  const done = await finish(begun.attrs.sessionid!);
  assert.equal(done.attrs.status, 'completed');
  assert.deepEqual(given, ['turn', ANN, [['what', ['the light']]]]);
  assert.equal(
    done.getChild('x', NS_DATA)?.getChildren('item').at(-1)?.toString(),
    '<item><field var="a"><value>2\uFFFD[2J</value></field></item>',
  );
  assert.equal(done.getChild('note')?.toString(), '<note type="warn">slowly\nbut \uFFFD[1msurely</note>');
});

test('a command without a form is done at once', async () => {
  const done = await setUp().command({ node: 'look' });
  assert.deepEqual([done.attrs.status, done.getChildText('note')], ['completed', 'done']);
});

test('an execution is its beginner’s alone, of one command, and once', async () => {
  const { begin, finish } = setUp();
  const id = await begin();
  assert.deepEqual(faults(await finish(id, BOB)), ['bad-request', 'bad-sessionid']);
  assert.deepEqual(faults(await finish(id, 'ann@people.alpha.test/other')), ['bad-request', 'bad-sessionid']);
  assert.deepEqual(faults(await finish(id, ANN, { node: 'look' })), ['bad-request', 'bad-sessionid']);
  assert.deepEqual(faults(await finish('guessed')), ['bad-request', 'bad-sessionid']);
  assert.equal((await finish(id)).attrs.status, 'completed');
  assert.deepEqual(faults(await finish(id)), ['bad-request', 'bad-sessionid']);
});

test('a form that was wrong may be put right', async () => {
  let tries = 0;
  const { begin, finish } = setUp(async () => {
    if (++tries === 1) throw new Mom4cError('M4C_BAD_ARGUMENTS');
    return { note: DONE };
  });
  const id = await begin();
  await assert.rejects(finish(id), isError('M4C_BAD_ARGUMENTS'));
  assert.equal((await finish(id)).attrs.status, 'completed');
});

test('the same execution does not run twice at once', async () => {
  const gate = Promise.withResolvers<{ note: typeof DONE }>();
  const { begin, finish } = setUp(() => gate.promise);
  const id = await begin();
  const first = finish(id);
  assert.deepEqual(faults(await finish(id)), ['bad-request', 'bad-action']);
  gate.resolve({ note: DONE });
  assert.equal((await first).attrs.status, 'completed');
});

test('cancelled by action or by form, and then gone', async () => {
  const { begin, command, finish } = setUp();
  for (const [action, ...children] of [['cancel'], ['complete', filled('cancel')]] as [
    string,
    ...Element[],
  ][]) {
    const sessionid = await begin();
    const answer = await command({ node: 'turn', sessionid, action }, ANN, ...children);
    assert.equal(answer.attrs.status, 'canceled');
    assert.deepEqual(faults(await finish(sessionid)), ['bad-request', 'bad-sessionid']);
  }
});

test('refused: what the protocol does not know here', async () => {
  const { begin, command, finish } = setUp();
  const sessionid = await begin();
  assert.deepEqual(faults(await finish(sessionid, ANN, { action: 'next' })), ['bad-request', 'bad-action']);
  assert.deepEqual(faults(await finish(sessionid, ANN, { action: 'explode' })), [
    'bad-request',
    'malformed-action',
  ]);
  assert.deepEqual(faults(await command({ node: 'turn', action: 'complete' })), [
    'bad-request',
    'bad-action',
  ]);
  assert.deepEqual(faults(await command({ node: 'turn' }, ANN, filled())), ['bad-request', 'bad-payload']);
  assert.deepEqual(faults(await command({ node: 'turn', sessionid, action: 'complete' })), [
    'bad-request',
    'bad-payload',
  ]);
  const twice = command({ node: 'turn', sessionid, action: 'complete' }, ANN, filled(), filled());
  assert.deepEqual(faults(await twice), ['bad-request', 'bad-payload']);
  await assert.rejects(command({ node: 'turn' }, BOB), isError('M4C_FORBIDDEN'));
  assert.equal((await finish(sessionid)).attrs.status, 'completed');
});

test('a flood of executions costs whoever makes it his own, and has an end', async () => {
  const { begin, finish, clock } = setUp();
  const old = await begin();
  for (let count = 1; count < MAX_PER_PERSON; count++) await begin();
  assert.equal((await finish(old)).attrs.status, 'completed');
  const next = await begin();
  await begin();
  for (let count = 1; count < MAX_PER_PERSON; count++) await begin();
  assert.deepEqual(faults(await finish(next)), ['bad-request', 'bad-sessionid']);
  const last = await begin();
  clock.advance(EXECUTION_MS);
  assert.deepEqual(faults(await finish(last)), ['bad-request', 'bad-sessionid']);
});
