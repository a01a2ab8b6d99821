import type { Random } from '@mom4c/core';

/** A nick in a room says nothing: signatures do. The random part keeps others from taking it before us. */
export function roomNick(name: string, random: Random): string {
  return `${name}-${Buffer.from(random.bytes(8)).toString('hex')}`;
}
