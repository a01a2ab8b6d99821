/**
 * How often an address may ask. A bucket of tokens each; whoever is not remembered any more had a full one, so that
 * forgetting the one that rested longest takes nothing from the rest.
 */
import { isIPv6 } from 'node:net';
import type { Clock } from '@mom4c/core';

export type AddressRate = { admits(address: string): boolean };

type Bucket = { readonly tokens: number; readonly at: number };

const BURST = 60;
const PER_SECOND = 20;
const MAX_ADDRESSES = 2000;

export function createAddressRate(clock: Pick<Clock, 'monotonic'>): AddressRate {
  /** In the order of use. */
  const buckets = new Map<string, Bucket>();
  return {
    admits(address) {
      const now = clock.monotonic();
      const key = networkOf(address);
      const bucket = buckets.get(key) ?? { tokens: BURST, at: now };
      const tokens = Math.min(BURST, bucket.tokens + ((now - bucket.at) * PER_SECOND) / 1000);
      buckets.delete(key);
      const [first] = buckets.keys();
      if (buckets.size >= MAX_ADDRESSES && first !== undefined) buckets.delete(first);
      const admitted = tokens >= 1;
      buckets.set(key, { tokens: admitted ? tokens - 1 : tokens, at: now });
      return admitted;
    },
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
