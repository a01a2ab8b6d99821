/**
 * What the authority of a domain states about the generation of its domain's epochs (docs/adr/0025): CMS SignedData by the
 * authority's own key, enclosing JSON.
 *
 * INVARIANTS:
 * - Believed is only what the authority itself has signed, of a content type that it gives to nothing else: neither what
 *   anybody signs to whom it issued a certificate, nor what it signs for SCEP.
 * - A statement has one encoding: fields, their order, and no blanks.
 */
import type { KeyObject } from 'node:crypto';
import { FIRST_GENERATION, isDomain, Mom4cError } from '@mom4c/core';
import type { Authority } from './certificates.ts';
import { contentSigner } from './cms-sign.ts';
import { OID } from './cms-structure.ts';
import { checkSignature, readSignedData } from './cms-verify.ts';
import { malformed } from './der.ts';

export type GenerationStatement = {
  readonly domain: string;
  /** Of the epochs that count from now on. The first needs no statement. */
  readonly generation: number;
  /** Unix milliseconds: when it was raised. For people; nothing is decided by it. */
  readonly time: number;
};

/** Of one that RSA-4096 signs for a domain with a name of 253 characters, and half as much again. */
export const MAX_GENERATION_STATEMENT = 2048;
export const MAX_GENERATION = 2 ** 31 - 1;

/** @throws Mom4cError M4C_MALFORMED (out of bounds), M4C_CERTIFICATE_INVALID (the key is not that of the authority) */
export function signGeneration(
  statement: GenerationStatement,
  { authority, authorityKey }: { readonly authority: Authority; readonly authorityKey: KeyObject },
): Promise<Uint8Array> {
  check(statement);
  return contentSigner(authorityKey, authority, OID.generationStatement)(encode(statement), true);
}

/** @param expected whose statement it must be
 *  @throws Mom4cError M4C_TOO_LARGE, M4C_MALFORMED, M4C_BAD_SIGNATURE; M4C_EPOCH (it speaks of another domain) */
export function readGeneration(
  octets: Uint8Array,
  expected: { readonly authority: Authority; readonly domain: string },
): GenerationStatement {
  if (octets.length > MAX_GENERATION_STATEMENT)
    throw new Mom4cError('M4C_TOO_LARGE', `a statement of ${octets.length} octets`);
  const { authority, domain } = expected;
  const parsed = readSignedData(octets, undefined, OID.generationStatement);
  const { issuer, serial } = parsed.signer;
  if (issuer !== authority.issuer || serial !== authority.serial)
    throw new Mom4cError('M4C_BAD_SIGNATURE', 'not signed by the authority of the domain');
  checkSignature(parsed, authority);
  const statement = decode(parsed.content);
  check(statement);
  if (statement.domain !== domain)
    throw new Mom4cError('M4C_EPOCH', `the statement speaks of ${statement.domain}`);
  return statement;
}

function encode({ domain, generation, time }: GenerationStatement): Buffer {
  return Buffer.from(JSON.stringify({ domain, generation, time }));
}

function decode(content: Uint8Array): GenerationStatement {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(content).toString());
  } catch {
    throw malformed('generation statement: JSON expected');
  }
  const statement = Object(value) as GenerationStatement;
  // What has more fields, or other blanks, is not what we would have written.
  if (!encode(statement).equals(content)) throw malformed('generation statement: not as it is written');
  return statement;
}

function check({ domain, generation, time }: GenerationStatement): void {
  const fits =
    typeof domain === 'string' &&
    isDomain(domain) &&
    Number.isInteger(generation) &&
    generation > FIRST_GENERATION &&
    generation <= MAX_GENERATION &&
    Number.isSafeInteger(time) &&
    time >= 0;
  if (!fits) throw malformed('generation statement: out of bounds');
}
