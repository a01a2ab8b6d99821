/** Making certificate revocation lists (RFC 5280 §5): version 2, complete, signed by the authority itself. */
import type { KeyObject } from 'node:crypto';
import type * as X509 from '@peculiar/x509';
import type { RevocationReason } from '@mom4c/core';
import { authorityKeyIdentifier, EXTENSION } from './certificate-extensions.ts';
import { exact, keyIdOf, signingKey, wholeSeconds } from './certificate-writer.ts';
import type { Authority } from './certificates.ts';
import { encode, smallInteger } from './der.ts';
import { type Generator, loadGenerator } from './x509-generator.ts';

export type Revoked = {
  /** Lower-case hex, as in `Certificate`. */
  readonly serial: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly reason: RevocationReason;
};

export type CrlContent = {
  readonly authority: Authority;
  readonly authorityKey: KeyObject;
  /** Higher than that of every list before; below 2^31. */
  readonly number: number;
  /** Milliseconds since 1970; whole seconds are kept. */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly revoked: readonly Revoked[];
};

const OID_CRL_NUMBER = '2.5.29.20';

/** @returns DER */
export async function writeCrl(content: CrlContent): Promise<Uint8Array> {
  const { authority, authorityKey, number, thisUpdate, nextUpdate, revoked } = content;
  const x509 = await loadGenerator();
  const extension = (type: string, value: Uint8Array) => new x509.Extension(type, false, exact(value));
  const crl = await x509.X509CrlGenerator.create({
    issuer: new x509.Name(exact(Buffer.from(authority.subject, 'hex'))),
    thisUpdate: wholeSeconds(thisUpdate),
    nextUpdate: wholeSeconds(nextUpdate),
    entries: revoked.map((one) => entryOf(one, x509)),
    extensions: [
      extension(
        EXTENSION.authorityKeyIdentifier,
        authorityKeyIdentifier(authority.keyId ?? keyIdOf(authority.publicKey)),
      ),
      extension(OID_CRL_NUMBER, encode(smallInteger(number))),
    ],
    ...signingKey(authorityKey),
  });
  return new Uint8Array(crl.rawData);
}

/** RFC 5280 §5.3.1: `unspecified` is said by leaving the reason out. */
function entryOf({ serial, at, reason }: Revoked, x509: Generator): X509.X509CrlEntryParams {
  const entry = { serialNumber: serial, revocationDate: wholeSeconds(at) };
  return reason === 'unspecified' ? entry : { ...entry, reason: x509.X509CrlReason[reason] };
}
