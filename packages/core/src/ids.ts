import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

/** A UUIDv7 (RFC 9562 §5.7) in lower case: 48 bits of Unix milliseconds, then 74 random bits. */
export type Uuid = string;

export function uuidv7(clock: Pick<Clock, 'now'>, random: Random): Uuid {
  const octets = Buffer.from(random.bytes(16));
  octets.writeUIntBE(clock.now(), 0, 6);
  octets[6] = 0x70 | (octets[6]! & 0x0f);
  octets[8] = 0x80 | (octets[8]! & 0x3f);
  const hex = octets.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function isUuidv7(text: string): boolean {
  return UUID_V7.test(text);
}
