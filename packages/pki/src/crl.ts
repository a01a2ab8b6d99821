/** Making certificate revocation lists (RFC 5280 §5): version 2, complete, signed by the authority itself. */
import type { KeyObject } from 'node:crypto';
import type { RevocationReason } from '@mom4c/core';
import { authorityKeyIdentifier, EXTENSION } from './certificate-extensions.ts';
import { keyIdOf } from './certificate-writer.ts';
import type { Authority } from './certificates.ts';
import {
  decode,
  type Der,
  encode,
  enumerated,
  sequence,
  smallInteger,
  tagged,
  time,
  unsignedInteger,
} from './der.ts';
import { extension, signatureAlgorithm, signedObject } from './signed-object.ts';

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

const MAX_NAME_OCTETS = 2_048;
const VERSION_2 = 1;
const OID_CRL_NUMBER = '2.5.29.20';
const OID_REASON = '2.5.29.21';
/** RFC 5280 §5.3.1. */
const REASON: Readonly<Record<RevocationReason, number>> = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
};

/** @returns DER */
export function writeCrl(content: CrlContent): Promise<Uint8Array> {
  const { authority, authorityKey, number, thisUpdate, nextUpdate, revoked } = content;
  const keyId = authority.keyId ?? keyIdOf(authority.publicKey);
  const list = sequence(
    smallInteger(VERSION_2),
    signatureAlgorithm(authorityKey),
    decode(Buffer.from(authority.subject, 'hex'), MAX_NAME_OCTETS),
    time(thisUpdate),
    time(nextUpdate),
    // RFC 5280 §5.1.2.6: absent, not empty.
    ...(revoked.length > 0 ? [sequence(...revoked.map(entryOf))] : []),
    tagged(
      0,
      sequence(
        extension(EXTENSION.authorityKeyIdentifier, false, authorityKeyIdentifier(keyId)),
        extension(OID_CRL_NUMBER, false, encode(smallInteger(number))),
      ),
    ),
  );
  return signedObject(list, authorityKey);
}

/** RFC 5280 §5.3.1: `unspecified` is said by leaving the reason out. */
function entryOf({ serial, at, reason }: Revoked): Der {
  const told = extension(OID_REASON, false, encode(enumerated(REASON[reason])));
  return sequence(
    unsignedInteger(Buffer.from(serial, 'hex')),
    time(at),
    ...(reason === 'unspecified' ? [] : [sequence(told)]),
  );
}
