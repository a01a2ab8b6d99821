// Mutations seen red, one each: what stood before the first forgotten when the next is lost; what a later one says overruled;
// one that was written or lost kept; nothing remembered of who leaves; entries of which nothing waits kept.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xml, type Element } from '@mom4c/xmpp';
import type { Presence } from './presence-reading.ts';
import { entryOf, UnwrittenPresences } from './unwritten-presences.ts';

const [FROM, TO] = ['cm@alpha.test/x', 'r@conference.beta.test/cm'];
const ENTRY = { side: 'out', from: FROM, to: TO } as const;
const DIRECTED: Presence = { ...ENTRY, kind: 'directed' };
const JOIN: Presence = { ...ENTRY, kind: 'join' };
const presence = (type?: string): Element => xml('presence', { from: FROM, to: TO, type });

/** Taken one after the other, before which this stood. */
function taking(...stood: readonly (Presence | undefined)[]) {
  const unwritten = new UnwrittenPresences();
  const stanzas = stood.map((one) => {
    const stanza = presence();
    unwritten.take(stanza, ENTRY, one);
    return stanza;
  });
  return { unwritten, stanzas };
}

test('what shows and takes back is about an entry, of our side; nothing else is', () => {
  assert.deepEqual([presence(), presence('unavailable')].map(entryOf), [ENTRY, ENTRY]);
  for (const type of ['error', 'subscribe', 'probe']) assert.equal(entryOf(presence(type)), undefined, type);
  assert.equal(entryOf(xml('message', { from: FROM, to: TO })), undefined);
  assert.equal(entryOf(xml('presence', { from: FROM })), undefined);
});

test('all are lost: it is as it stood before the first, which is told by the last', () => {
  const { unwritten, stanzas } = taking(DIRECTED, JOIN, undefined);
  assert.equal(unwritten.lost(stanzas[0]!), undefined);
  assert.equal(unwritten.lost(stanzas[1]!), undefined);
  assert.equal(unwritten.lost(stanzas[2]!)!.stood, DIRECTED);
  assert.equal(unwritten.lost(stanzas[2]!), undefined, 'once');
  assert.equal(unwritten.size, 0);
});

test('what was written stands', () => {
  const { unwritten, stanzas } = taking(undefined, JOIN);
  unwritten.written(stanzas[0]!);
  assert.equal(unwritten.lost(stanzas[1]!)!.stood, JOIN);
});

test('one is lost before another that is written: that one says how it is', () => {
  const { unwritten, stanzas } = taking(undefined, JOIN);
  assert.equal(unwritten.lost(stanzas[0]!), undefined);
  unwritten.written(stanzas[1]!);
  assert.equal(unwritten.lost(stanzas[1]!), undefined);
  assert.equal(unwritten.size, 0);
});

test('the last one finds no room: it is as the one before it says', () => {
  const { unwritten, stanzas } = taking(undefined, JOIN);
  assert.equal(unwritten.lost(stanzas[1]!)!.stood, JOIN);
  const first = unwritten.lost(stanzas[0]!)!;
  assert.equal(first.stood, undefined);
});

test('what was never taken is not told', () => {
  assert.equal(new UnwrittenPresences().lost(presence()), undefined);
  assert.equal(new UnwrittenPresences().lost(xml('message')), undefined);
});
