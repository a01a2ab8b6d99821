/** What payloads and records of the journal have in common: JSON octets, and the schemas of some of their fields. */
import * as z from 'zod';
import { isNodeName, isUuidv7, Mom4cError, type Epoch } from '@mom4c/core';

export const nodeNameSchema = z.string().refine(isNodeName, 'not a node name');
export const idSchema = z.string().refine(isUuidv7, 'not a UUIDv7');
export const epochSchema = z.strictObject({
  generation: z.int().nonnegative(),
  counter: z.int().nonnegative(),
}) satisfies z.ZodType<Epoch>;

/** @throws Mom4cError M4C_MALFORMED */
export function parseJson(octets: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(octets));
  } catch (cause) {
    throw new Mom4cError('M4C_MALFORMED', `${what} is not JSON in UTF-8`, { cause });
  }
}
