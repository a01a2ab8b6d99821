/** Below which metadata are old: who can only repeat what was signed once must not bring back what was taken out. */
import { Mom4cError } from '@mom4c/core';
import type { FederationMetadata } from '@mom4c/saml';
import * as z from 'zod';

/** Editions of one `validUntil`. */
const MAX_SUPERSEDED = 64;

export const floorSchema = z.strictObject({
  /** Milliseconds since 1970, both. */
  validUntil: z.number(),
  createdAt: z.number().optional(),
  /** Digests of metadata that end at the same time, and whose place others have taken. */
  superseded: z.array(z.string()).max(MAX_SUPERSEDED),
});

export type Floor = Readonly<z.output<typeof floorSchema>>;

export const NO_FLOOR: Floor = { validUntil: 0, superseded: [] };

type Edition = Pick<FederationMetadata, 'validUntil' | 'createdAt' | 'digest'>;

/** @throws Mom4cError M4C_METADATA if they are older than what was seen before */
export function checkNewer({ validUntil, createdAt, digest }: Edition, floor: Floor): void {
  if (validUntil < floor.validUntil) throw old('they end earlier than others that were seen before');
  if (floor.createdAt !== undefined && createdAt !== undefined && createdAt < floor.createdAt)
    throw old('they were made earlier than others that were seen before');
  if (floor.createdAt !== undefined && createdAt === undefined && validUntil === floor.validUntil)
    throw old('they do not say when they were made, as others did that end at the same time');
  if (floor.superseded.includes(digest)) throw old('others have taken their place already');
}

/** @param taken what has passed `checkNewer`. @param before what it takes the place of */
export function floorAfter(floor: Floor, taken: Edition, before: Edition | undefined): Floor {
  const isLater = taken.validUntil > floor.validUntil;
  const gone = before && before.digest !== taken.digest ? [before.digest] : [];
  return {
    validUntil: taken.validUntil,
    createdAt: taken.createdAt ?? floor.createdAt,
    superseded: isLater ? [] : [...floor.superseded, ...gone].slice(-MAX_SUPERSEDED),
  };
}

function old(detail: string): Mom4cError {
  return new Mom4cError('M4C_METADATA', detail);
}
