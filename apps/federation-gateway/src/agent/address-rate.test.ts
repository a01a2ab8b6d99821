// Mutations seen red: no refill; a refill above the burst; no limit of addresses; IPv6 by the full address;
// what is not admitted costs nevertheless.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAddressRate } from './address-rate.ts';
import { fakeClock } from '../test-fakes.ts';

function setUp() {
  const clock = fakeClock();
  const rate = createAddressRate(clock);
  const admitted = (address: string, tries: number): number =>
    Array.from({ length: tries }, () => rate.admits(address)).filter(Boolean).length;
  return { clock, rate, admitted };
}

test('an address has a burst, then its rate, and takes nothing from another', () => {
  const { clock, admitted } = setUp();
  assert.equal(admitted('192.0.2.1', 1000), 60);
  assert.equal(admitted('192.0.2.2', 10), 10);
  clock.advance(1000);
  assert.equal(admitted('192.0.2.1', 1000), 20);
  clock.advance(3_600_000);
  assert.equal(admitted('192.0.2.1', 1000), 60);
});

test('a network of IPv6 counts as one, whatever its addresses are written like', () => {
  const { admitted } = setUp();
  assert.equal(admitted('2001:db8:1:2::1', 50), 50);
  assert.equal(admitted('2001:db8:1:2:ffff::9', 50), 10);
  assert.equal(admitted('2001:db8:1:3::1', 50), 50);
  assert.equal(admitted('2001:db8::5', 100), 60);
  assert.equal(admitted('2001:db8:0:0:7::', 100), 0);
  assert.equal(admitted('::ffff:192.0.2.1', 100), 60);
  assert.equal(admitted('::ffff:192.0.2.2', 100), 60);
});

test('memory is bounded: who rested longest is forgotten, as if rested', () => {
  const { admitted } = setUp();
  admitted('192.0.2.1', 100);
  for (let count = 0; count < 2000; count += 1) admitted(`198.51.${count >> 8}.${count & 255}`, 1);
  assert.equal(admitted('192.0.2.1', 1), 1);
});

test('what costs more needs all its tokens at once, and what is given back is there again, up to the burst', () => {
  const { rate, admitted } = setUp();
  assert.equal(rate.admits('192.0.2.1', 61), false);
  assert.equal(rate.admits('192.0.2.1', 55), true);
  assert.equal(rate.admits('192.0.2.1', 6), false, 'and costs nothing then');
  rate.giveBack('192.0.2.1', 10);
  assert.equal(admitted('192.0.2.1', 100), 15);
  rate.giveBack('192.0.2.2', 10);
  assert.equal(admitted('192.0.2.2', 100), 60);
});
