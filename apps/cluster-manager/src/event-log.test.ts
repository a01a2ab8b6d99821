// Mutations seen red: infos push alarms out; an id taken twice; no gap told; a gap told of what was not asked for; the oldest
// instead of the latest that fit; a part larger than a message.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uuidv7 } from '@mom4c/core';
import type { EventRecord, EventSeverity } from '@mom4c/core';
import { EventLog, MAX_KEPT } from './event-log.ts';

let made = 0;
function event(severity: EventSeverity, text = 'x'): EventRecord {
  made += 1;
  const random = { bytes: (count: number) => Buffer.alloc(count, made) };
  const time = new Date(made * 1000).toISOString();
  const id = uuidv7({ now: () => made * 1000 }, random);
  return { id, time, severity, kind: 'node-lost', subject: 'te1', text, by: 'cm1' };
}

test('nodes that come and go push no alarm out; what is given up is told to whoever asked for it, and to nobody else', () => {
  const log = new EventLog();
  const alarm = event('alarm');
  assert.equal(log.add(alarm), true);
  assert.equal(log.add(alarm), false);
  for (let n = 0; n < 3 * MAX_KEPT; n++) log.add(event('info'));
  assert.equal(log.all.length, MAX_KEPT);
  assert.equal(log.all[0]?.id, alarm.id);
  assert.equal(log.after(0).gap, true);
  assert.equal(log.after(0, 'warning').gap, false);
  assert.deepEqual(log.after(0, 'warning').events, [alarm]);
  assert.equal(log.placeOf(alarm.id), 1);
  for (let n = 0; n < MAX_KEPT; n++) log.add(event('alarm'));
  assert.equal(log.placeOf(alarm.id), undefined);
  assert.equal(log.after(0, 'alarm').gap, true);
  assert.equal(log.all.length, MAX_KEPT);
});

test('reading on goes through all, in parts that fit into a message', () => {
  const log = new EventLog();
  const all = Array.from({ length: 900 }, () => event('warning', 'x'.repeat(300)));
  for (const one of all) log.add(one);
  const read: EventRecord[] = [];
  for (let place = 0, more = true; more; ) {
    const part = log.after(place);
    assert.ok(JSON.stringify(part.events).length <= 96 * 1024 + 2);
    read.push(...part.events);
    ({ place, more } = part);
    assert.equal(part.gap, false);
  }
  assert.deepEqual(read, all);
  assert.deepEqual(log.after(log.end).events, []);
  assert.equal(log.placeBefore(Date.parse(all[10]!.time)), 10);
});

test('the latest are shown first, and the older ones for who asks', () => {
  const log = new EventLog();
  const all = Array.from({ length: 900 }, () => event('warning', 'x'.repeat(300)));
  for (const one of all) log.add(one);
  const latest = log.recent({});
  assert.equal(latest.events.at(-1)?.id, all.at(-1)?.id);
  assert.equal(latest.events.length + latest.older, 900);
  const older = log.recent({ before: latest.events[0]!.id });
  assert.equal(older.events.at(-1)?.id, all[latest.older - 1]?.id);
  assert.deepEqual(log.recent({ severity: 'alarm' }), { events: [], older: 0 });
  assert.equal(log.recent({ since: Date.parse(all[890]!.time) }).events.length, 10);
});
