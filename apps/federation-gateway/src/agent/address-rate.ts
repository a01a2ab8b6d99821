/**
 * How often an address may ask. A bucket of tokens each; whoever is not remembered any more had a full one, so that
 * forgetting the one that rested longest takes nothing from the rest.
 */
import { isIPv6 } from 'node:net';
import type { Clock } from '@mom4c/core';

export type AddressRate = {
  /** @param cost in tokens, all of which must be there */
  admits(address: string, cost?: number): boolean;
  /** Of what was admitted, what it has not cost. */
  giveBack(address: string, tokens: number): void;
};

type Bucket = { readonly tokens: number; readonly at: number };

const BURST = 60;
const PER_SECOND = 20;
const MAX_ADDRESSES = 2000;

export function createAddressRate(clock: Pick<Clock, 'monotonic'>): AddressRate {
  /** In the order of use. */
  const buckets = new Map<string, Bucket>();

  /** @param tokens to be added; what would be less than none is left out. @returns was it not? */
  function change(address: string, tokens: number): boolean {
    const now = clock.monotonic();
    const key = networkOf(address);
    const bucket = buckets.get(key) ?? { tokens: BURST, at: now };
    const present = Math.min(BURST, bucket.tokens + ((now - bucket.at) * PER_SECOND) / 1000);
    buckets.delete(key);
    const [first] = buckets.keys();
    if (buckets.size >= MAX_ADDRESSES && first !== undefined) buckets.delete(first);
    const isPossible = present + tokens >= 0;
    buckets.set(key, { tokens: isPossible ? present + tokens : present, at: now });
    return isPossible;
  }

  return {
    admits: (address, cost = 1) => change(address, -cost),
    giveBack: (address, tokens) => void change(address, tokens),
  };
}

/** Of IPv6 the /64, which is what one party gets. */
export function networkOf(address: string): string {
  if (!isIPv6(address) || address.toLowerCase().startsWith('::ffff:')) return address;
  const [head = ''] = address.split('%');
  const [front = '', back] = head.split('::');
  const groups = front === '' ? [] : front.split(':');
  const rest = back === undefined || back === '' ? [] : back.split(':');
  const gap = back === undefined ? 0 : 8 - groups.length - rest.length;
  return [...groups, ...Array<string>(Math.max(0, gap)).fill('0'), ...rest].slice(0, 4).join(':');
}
