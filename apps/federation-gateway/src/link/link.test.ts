// Mutations seen red, one each: up with one direction; the other stream not closed on the way down; an older incoming
// stream left open; `wanted` not looked at in `accept`; the try not aborted by `disconnect`; no pause after a loss;
// `prepare` not awaited; a stanza handed on before it is up; the log told of each try; a shortcut at every coming.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Mom4cError } from '@mom4c/core';
import { xml } from '@mom4c/xmpp';
import { createLink, type Link } from './link.ts';
import { fakeClock } from '../test-fakes.ts';
import { fakeStream, longestPause, LOST, rememberingLog, turns, type FakeStream } from './test-streams.ts';

const PAIR = { local: 'alpha.test', remote: 'beta.test' };
const STOPPED = new Mom4cError('M4C_STOPPED');

function setUp() {
  const clock = fakeClock();
  const log = rememberingLog();
  const dials: { signal: AbortSignal; outcome: PromiseWithResolvers<FakeStream>; settled: boolean }[] = [];
  const preparing: PromiseWithResolvers<void>[] = [];
  const changes: string[] = [];
  const heard: string[] = [];
  /** All that there ever were. */
  const streams: FakeStream[] = [];
  let holdsBack = false;
  const link: Link = createLink({
    ...{ partner: 'beta.test', clock, log, random: longestPause },
    dial(signal) {
      const outcome = Promise.withResolvers<FakeStream>();
      // Called off, it may have succeeded already: the link must not rest on its failing.
      dials.push({ signal, outcome, settled: false });
      return outcome.promise;
    },
    async prepare() {
      const own = Promise.withResolvers<void>();
      preparing.push(own);
      if (holdsBack) await own.promise;
    },
    onUp: () => void changes.push('up'),
    onDown: ({ code }) => void changes.push(`down ${code}`),
    onStanza: (stanza) => void heard.push(stanza.attrs.id!),
  });
  const stream = (direction: 'in' | 'out'): FakeStream => {
    const made = fakeStream(direction, PAIR);
    streams.push(made);
    return made;
  };
  const settle = (): PromiseWithResolvers<FakeStream> => {
    const last = dials.findLast(({ settled }) => !settled)!;
    last.settled = true;
    return last.outcome;
  };
  return {
    ...{ link, clock, log, dials, preparing, changes, heard, streams },
    holdBack: () => void (holdsBack = true),
    /** The last try that has not ended succeeds. */
    async dialled(): Promise<FakeStream> {
      const made = stream('out');
      settle().resolve(made);
      await turns();
      return made;
    },
    async fails(error: Mom4cError = LOST): Promise<void> {
      settle().reject(error);
      await turns();
    },
    async comes(): Promise<FakeStream> {
      const made = stream('in');
      link.accept(made);
      await turns();
      return made;
    },
  };
}

async function up() {
  const parts = setUp();
  parts.link.connect();
  const out = await parts.dialled();
  const incoming = await parts.comes();
  assert.equal(parts.link.state, 'up');
  return { ...parts, out, incoming };
}

test('it is up when both directions are, whichever comes first', async () => {
  for (const first of ['out', 'in']) {
    const { link, changes, ...be } = setUp();
    link.connect();
    await (first === 'out' ? be.dialled() : be.comes());
    assert.equal(link.state, 'connecting');
    await (first === 'out' ? be.comes() : be.dialled());
    assert.equal(link.state, 'up');
    assert.deepEqual(changes, ['up']);
  }
});

test('with either direction the whole link is lost, and it comes back', async () => {
  for (const which of ['out', 'incoming'] as const) {
    const { link, changes, clock, log, dials, ...parts } = await up();
    parts[which].end();
    await turns();
    assert.equal(link.state, 'waiting');
    assert.deepEqual([parts.out.isOpen, parts.incoming.isOpen], [false, false]);
    clock.advance(1_000);
    assert.equal(dials.length, 2);
    await parts.dialled();
    await parts.comes();
    assert.deepEqual(changes, ['up', 'down M4C_PARTNER_STREAM', 'up']);
    assert.deepEqual(log.lines, ['link up', 'link down', 'link up']);
  }
});

test('what comes before it is up waits, and the partner with it', async () => {
  const { link, heard, ...be } = setUp();
  link.connect();
  const incoming = await be.comes();
  const first = incoming.arrive(xml('message', { id: '1' }));
  await turns();
  assert.deepEqual(heard, []);
  be.holdBack();
  await be.dialled();
  assert.deepEqual([link.state, heard.length], ['connecting', 0]);
  be.preparing[0]!.resolve();
  await first;
  assert.deepEqual(heard, ['1']);
  void incoming.arrive(xml('message', { id: '2' }));
  assert.deepEqual(heard, ['1', '2']);
});

test('what waits when its stream is lost is not heard any more', async () => {
  const { link, heard, ...be } = setUp();
  link.connect();
  const older = await be.comes();
  const waiting = older.arrive(xml('message', { id: '1' }));
  older.end();
  await waiting;
  await be.comes();
  await be.dialled();
  assert.equal(link.state, 'up');
  assert.deepEqual(heard, []);
});

test('a newer stream of the partner takes the place of the older, and the link is made anew', async () => {
  const { link, changes, incoming, out, clock, ...be } = await up();
  const newer = await be.comes();
  assert.equal(link.replaced, 1);
  assert.deepEqual([incoming.isOpen, out.isOpen, newer.isOpen], [false, false, true]);
  assert.deepEqual(changes, ['up', 'down M4C_PARTNER_STREAM']);
  clock.advance(1_000);
  await be.dialled();
  assert.equal(link.state, 'up');
  assert.equal(link.in, newer);
});

test('a partner that opens stream after stream makes few tries and few lines', async () => {
  const { link, clock, log, dials, changes, ...be } = await up();
  for (let number = 0; number < 200; number++) {
    await be.comes();
    clock.advance(100);
    if (!dials.at(-1)!.signal.aborted && link.state === 'connecting') await be.dialled();
  }
  // 20 s: pauses of 0.5, 1, 2, 4 s and then 5 s by the shortcut.
  assert.ok(dials.length <= 9, `${dials.length} tries`);
  assert.ok(changes.length <= 18, `${changes.length} changes`);
  assert.ok(log.lines.length <= 18, `${log.lines.length} lines`);
  assert.equal(be.streams.filter(({ direction, isOpen }) => direction === 'in' && isOpen).length, 1);
});

test('a partner that comes back is answered at once', async () => {
  const { link, clock, dials, ...be } = await up();
  be.out.end();
  await turns();
  for (let number = 0; number < 8; number++) {
    clock.advance(link.state === 'waiting' ? 30_000 : 0);
    await be.fails();
  }
  const before = dials.length;
  clock.advance(6_000);
  await be.comes();
  assert.equal(dials.length, before + 1);
  await be.dialled();
  assert.equal(link.state, 'up');
});

test('tries that fail for the same reason are one line', async () => {
  const { link, clock, log, ...be } = setUp();
  link.connect();
  for (let number = 0; number < 5; number++) {
    await be.fails();
    clock.advance(60_000);
  }
  await be.fails(new Mom4cError('M4C_PARTNER_LOGIN'));
  assert.equal(log.lines.length, 2);
  assert.equal(link.reason!.code, 'M4C_PARTNER_LOGIN');
});

test('an administrator ends it, whatever it is at', async () => {
  const dialing = setUp();
  dialing.link.connect();
  dialing.link.disconnect(STOPPED);
  assert.equal(dialing.dials[0]!.signal.aborted, true);
  const paused = setUp();
  paused.link.connect();
  await paused.fails();
  paused.link.disconnect(STOPPED);
  const open = await up();
  open.link.disconnect(STOPPED);
  await turns();
  assert.deepEqual(open.changes, ['up', 'down M4C_STOPPED']);
  for (const { link, clock, dials, streams, ...be } of [dialing, paused, open]) {
    const tries = dials.length;
    clock.advance(100_000);
    const stranger = await be.comes();
    assert.equal(stranger.ended, 'policy-violation');
    assert.deepEqual([link.state, dials.length, clock.timers], ['disconnected', tries, 0]);
    assert.ok(streams.every(({ isOpen }) => !isOpen));
    link.connect();
    assert.equal(dials.length, tries + 1);
  }
});

const COMMANDS = [
  'connect',
  'disconnect',
  'dialled',
  'fails',
  'comes',
  'out ends',
  'in ends',
  'time',
  'prepared',
] as const;

test('whatever happens in whatever order, the invariants hold', async () => {
  const commands = fc.array(fc.constantFrom(...COMMANDS), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(commands, async (all) => {
      const { link, clock, dials, preparing, changes, streams, ...be } = setUp();
      be.holdBack();
      for (const command of all) {
        const open = streams.filter(({ isOpen }) => isOpen);
        if (command === 'connect') link.connect();
        if (command === 'disconnect') link.disconnect(STOPPED);
        const canEnd = dials.some(({ settled }) => !settled);
        if (command === 'dialled' && canEnd) await be.dialled();
        if (command === 'fails' && canEnd) await be.fails();
        if (command === 'comes') await be.comes();
        if (command === 'out ends') open.find(({ direction }) => direction === 'out')?.end();
        if (command === 'in ends') open.find(({ direction }) => direction === 'in')?.end();
        if (command === 'time') clock.advance(7_000);
        if (command === 'prepared') preparing.at(-1)?.resolve();
        await turns();
        check();
      }
      link.disconnect(STOPPED);
      await turns();
      assert.equal(clock.timers, 0);
      assert.ok(streams.every(({ isOpen }) => !isOpen));

      function check(): void {
        const outs = streams.filter(({ direction, isOpen }) => direction === 'out' && isOpen);
        const ins = streams.filter(({ direction, isOpen }) => direction === 'in' && isOpen);
        const trying = dials.filter(({ signal, settled }) => !signal.aborted && !settled).length;
        assert.ok(ins.length <= 1, 'one incoming stream');
        assert.ok(outs.length <= 1, 'one outgoing stream');
        assert.ok(clock.timers <= 1, 'one pause');
        if (link.state === 'up') {
          assert.equal(link.wanted, true);
          assert.deepEqual(outs, [link.out]);
          assert.equal(link.in, ins[0]);
          assert.equal(clock.timers, 0);
        }
        if (link.state === 'waiting') assert.deepEqual([clock.timers, link.out], [1, undefined]);
        if (!link.wanted) assert.deepEqual([ins.length, outs.length, clock.timers], [0, 0, 0]);
        if (link.state === 'connecting' && !link.out) assert.equal(trying, 1, 'it tries');
        const turnsTaken = changes.map((change, index) => change.startsWith(index % 2 === 0 ? 'up' : 'down'));
        assert.ok(turnsTaken.every(Boolean), `in turn: ${changes.join(', ')}`);
        assert.equal(changes.length % 2 === 1, link.state === 'up');
      }
    }),
    { numRuns: 300 },
  );
});
