// Mutations seen red, one each: the next written before the system has taken the one before; `close` loses what waits
// without a word; a failed write told as sent; the share of a sender not looked at; the load not given back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Mom4cError } from '@mom4c/core';
import { xml, type Element } from '@mom4c/xmpp';
import { OutboundQueue } from './outbound-queue.ts';
import { LOST, turns } from './test-streams.ts';

const LIMITS = { perSender: { pieces: 3, octets: 300 }, total: { pieces: 5, octets: 1_000 } };
const DOWN = new Mom4cError('M4C_PARTNER_DOWN');

const message = (id: number): Element => xml('message', { id: String(id) });
const idOf = (stanza: Element): number => Number(stanza.attrs.id);

function setUp() {
  const sent: number[] = [];
  const lost: number[] = [];
  const queue = new OutboundQueue(
    (stanza) => void sent.push(idOf(stanza)),
    (stanza) => void lost.push(idOf(stanza)),
    LIMITS,
  );
  return { queue, sent, lost };
}

test('nobody fills it for others, and a first piece is always taken', () => {
  const { queue } = setUp();
  const offer = (sender: string, octets = 1): boolean => queue.offer(sender, octets, message(0));
  assert.deepEqual(
    [1, 2, 3, 4].map(() => offer('flood')),
    [true, true, true, false],
  );
  assert.deepEqual([offer('a'), offer('b'), offer('c')], [true, true, false]);
  const { queue: other } = setUp();
  assert.equal(other.offer('a', 5_000, message(0)), true);
  assert.equal(other.offer('b', 1, message(1)), false);
});

test('one is written at a time, and who waits for room learns of it', async () => {
  const { queue, sent } = setUp();
  const writes: PromiseWithResolvers<void>[] = [];
  for (const id of [1, 2]) queue.offer('a', 1, message(id));
  queue.open(() => {
    const write = Promise.withResolvers<void>();
    writes.push(write);
    return write.promise;
  });
  const moved = queue.moved();
  await turns();
  assert.equal(writes.length, 1);
  writes[0]!.resolve();
  await moved;
  await turns();
  assert.equal(writes.length, 2);
  assert.deepEqual(sent, [1]);
});

type Step =
  | { readonly do: 'offer'; readonly sender: string; readonly octets: number }
  | { readonly do: 'open' | 'close' | 'written' | 'fails' };

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('offer' as const),
        sender: fc.constantFrom('a', 'b'),
        octets: fc.nat(400),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('open', 'close', 'written', 'fails') }) },
  ) as fc.Arbitrary<Step>,
  { maxLength: 60 },
);

test('whatever happens, each is sent or lost, once, and those sent keep their order', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const { queue, sent, lost } = setUp();
      const taken: number[] = [];
      let writing: PromiseWithResolvers<void> | undefined;
      const failed: number[] = [];
      let current = 0;
      const write = (stanza: Element): Promise<void> => {
        assert.equal(writing, undefined, 'two at a time');
        current = idOf(stanza);
        writing = Promise.withResolvers();
        return writing.promise;
      };
      const settle = async (how: 'resolve' | 'reject'): Promise<void> => {
        const own = writing;
        if (own && how === 'reject') failed.push(current);
        writing = undefined;
        if (how === 'resolve') own?.resolve();
        else own?.reject(LOST);
        await turns(1);
      };
      let id = 0;
      for (const step of all) {
        if (step.do === 'offer') {
          id += 1;
          if (queue.offer(step.sender, step.octets, message(id))) taken.push(id);
        } else if (step.do === 'open') queue.open(write);
        else if (step.do === 'close') void queue.close(DOWN);
        else await settle(step.do === 'written' ? 'resolve' : 'reject');
        assert.ok(queue.load.pieces <= LIMITS.total.pieces);
      }
      const closed = queue.close(DOWN);
      await settle('reject');
      await closed;
      assert.ok(failed.every((one) => lost.includes(one)));
      assert.deepEqual(
        [...sent, ...lost].toSorted((a, b) => a - b),
        taken,
      );
      assert.deepEqual(
        sent,
        sent.toSorted((a, b) => a - b),
      );
      assert.deepEqual(queue.load, { pieces: 0, octets: 0 });
    }),
  );
});
