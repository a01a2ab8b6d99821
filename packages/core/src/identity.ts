import type { KeyObject } from 'node:crypto';
import type { BareJid } from './jid.ts';

/** The OU of a certificate: what its holder may be in its domain. `adapter` speaks for people who cannot sign; `server` is
 *  for TLS servers, never for messages. */
export const ROLES = [
  'cm',
  'te',
  'gateway',
  'ca',
  'admin',
  'adapter',
  'monitor',
  'publisher',
  'server',
] as const;
export type Role = (typeof ROLES)[number];

/** Roles that are enrolled, by a token or by approval. `server` and `ca` are not: the operator of the authority makes those. */
export const ENROLLED_ROLES = [
  'cm',
  'te',
  'gateway',
  'admin',
  'adapter',
  'monitor',
  'publisher',
] as const satisfies readonly Role[];
export type EnrolledRole = (typeof ENROLLED_ROLES)[number];

/** Reasons for a revocation that we give (RFC 5280 §5.3.1). */
export const REVOCATION_REASONS = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
] as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/** A certificate that was parsed and whose subject fits our profile. Immutable; safe to cache by `fingerprint`. */
export type Certificate = {
  readonly der: Uint8Array;
  /** CN, a node name. */
  readonly name: string;
  readonly role: Role;
  /** O. */
  readonly domain: string;
  /** The XMPP addresses that the SAN names. */
  readonly addresses: readonly BareJid[];
  /** DER of the issuer's Name, lower-case hex. */
  readonly issuer: string;
  /** Lower-case hex, as in DER, without superfluous leading zeros. */
  readonly serial: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SHA-256 over the DER, lower-case hex. */
  readonly fingerprint: string;
  readonly publicKey: KeyObject;
};

/** Where peers' certificates are found. Only the domain's authority can write there; every answer is verified against it. */
export interface CertificateDirectory {
  /** `undefined` if there is none. @param asker who made us ask: a share of the questions is his
   *  @throws Mom4cError M4C_DIRECTORY_UNREACHABLE, M4C_CERTIFICATE_INVALID, M4C_BUSY (his share is used up) */
  byIssuerAndSerial(issuer: string, serial: string, asker?: string): Promise<Certificate | undefined>;
  /** Current certificates that name this address, newest first. */
  byAddress(address: BareJid): Promise<readonly Certificate[]>;
  /** Current certificates of a role, one per name. */
  byRole(role: Role): Promise<readonly Certificate[]>;
}

/** Makes CMS SignedData (RFC 5652) under the own key. */
export interface Signer {
  readonly certificate: Certificate;
  /** DER without the content: it travels in the clear beside it. */
  signDetached(content: Uint8Array): Promise<Uint8Array>;
  /** DER with the content inside. */
  signEnclosed(content: Uint8Array): Promise<Uint8Array>;
}

export type Verified = { readonly content: Uint8Array; readonly signer: Certificate };

/** Checks CMS SignedData: mandatory attributes, digest, signature, and the signer's certificate from the directory. */
export interface Verifier {
  /** @param detached the content, where `signedData` does not enclose it  @param sender who brought it, for the directory
   *  @throws Mom4cError M4C_MALFORMED, M4C_BAD_SIGNATURE, M4C_CERTIFICATE_UNKNOWN, M4C_CERTIFICATE_INVALID, M4C_BUSY */
  verify(signedData: Uint8Array, detached?: Uint8Array, sender?: string): Promise<Verified>;
}

/** A symmetric key with a name: a room's. */
export type SessionKey = {
  /** 16 octets, lower-case hex. */
  readonly id: string;
  /** AES-256 key-encryption key. */
  readonly key: KeyObject;
};

/** Makes CMS AuthEnvelopedData (RFC 5083) with AES-256-GCM and a fresh content key each time. */
export interface Sealer {
  sealTo(content: Uint8Array, recipients: readonly Certificate[]): Promise<Uint8Array>;
  sealUnder(content: Uint8Array, key: SessionKey): Promise<Uint8Array>;
}

export interface Opener {
  /** @param findKey looks up a session key by its id
   *  @throws Mom4cError M4C_MALFORMED, M4C_CANNOT_OPEN */
  open(sealed: Uint8Array, findKey: (id: string) => SessionKey | undefined): Promise<Uint8Array>;
}
