/** Server dialback (XEP-0220): keys that only we could have made for a stream, and that we know again (XEP-0185). */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Random } from '@mom4c/core';

/** Of one gateway: what its initiator makes, its listener confirms. */
export type DialbackKeys = {
  /** @param stream id that the receiving server gave */
  make(names: DialbackNames): string;
  /** Is it the key that `make` gives? */
  confirms(names: DialbackNames, key: string): boolean;
};

export type DialbackNames = {
  readonly receiving: string;
  readonly originating: string;
  readonly stream: string;
};

/** The secret lives as long as the process: keys are asked about within seconds. */
export function createDialbackKeys(random: Random): DialbackKeys {
  const secret = createHash('sha256').update(random.bytes(32)).digest('hex');

  // XEP-0185 §3.
  function make({ receiving, originating, stream }: DialbackNames): string {
    return createHmac('sha256', secret).update(`${receiving} ${originating} ${stream}`).digest('hex');
  }

  return {
    make,
    confirms(names, key) {
      const right = Buffer.from(make(names));
      const given = Buffer.from(key);
      return given.length === right.length && timingSafeEqual(given, right);
    },
  };
}
