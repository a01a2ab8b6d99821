/** The authority's side of SCEP (RFC 8894) without its transport and without its policy: octets in, octets out. */
import type { KeyObject } from 'node:crypto';
import type { Certificate, Clock, Random } from '@mom4c/core';
import { readCertificate, verifyIssued } from './certificates.ts';
import type { Authority } from './certificates.ts';
import type { Cipher, Digest } from './scep-algorithms.ts';
import type { ScepRequestType } from './scep-attributes.ts';
import { cipherIn, openScepEnvelope, sealScepEnvelope, undecipherable } from './scep-envelope.ts';
import {
  checkScepSignature,
  parseScepMessage,
  ScepFault,
  writeCertificates,
  writeCrls,
  writeScepMessage,
} from './scep-message.ts';
import type { ScepMessage } from './scep-message.ts';
import { readIssuerAndSerial, readIssuerAndSubject } from './scep-query.ts';
import type { IssuerAndSerial } from './scep-query.ts';
import { readCertificationRequest, samePublicKey } from './scep-request.ts';
import type { CertificationRequest } from './scep-request.ts';

export type ScepAuthority = {
  readonly authority: Authority;
  readonly key: KeyObject;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
};

export type ScepRequest = Omit<CertificationRequest, 'digest'> & {
  readonly transactionId: string;
  /** A valid certificate of this authority, whose key signed the request; `undefined` in a first enrolment. */
  readonly renews: Certificate | undefined;
  /** Cipher and digest, for logs: `AES-128, sha256`. */
  readonly algorithms: string;
  /** DES, 3DES or SHA-1 protects it, or proves that its sender holds the key. */
  readonly weak: boolean;
};

/** Is the request of that transaction decided? It was signed by whoever holds this key. */
export type ScepPoll = { readonly transactionId: string; readonly publicKey: KeyObject };

/** What the authority decides. Each may throw a ScepFault, which is answered; anything else that it throws is passed on. */
export type ScepPolicy = {
  /**
   * May a request that a weak algorithm protects be opened at all? Whose it is shows only behind that, so `certify` must
   * look at `weak` again.
   */
  admitsWeak(): boolean;
  /** @returns DER of the certificate to hand out; `undefined` while a person has to decide */
  certify(request: ScepRequest): Promise<Uint8Array | undefined>;
  poll(poll: ScepPoll): Promise<Uint8Array | undefined>;
  /** The list on which that certificate would be. @returns DER */
  crl(certificate: IssuerAndSerial): Promise<Uint8Array>;
};

/** DER of the reply, and what of the exchange goes into the log. */
export type ScepAnswer = {
  readonly reply: Buffer;
  readonly transactionId: string;
  readonly messageType: string;
  readonly algorithms: string;
  readonly fault: ScepFault | undefined;
};

/**
 * What GetCACaps answers (RFC 8894 §3.5.2): exactly what is served; DES3 and SHA-1 under a token that allows them.
 * SHA-384 has no keyword there, but strongSwan 5.9.8 takes SHA-256 for missing without it.
 */
export const SCEP_CAPABILITIES = [
  'AES',
  'DES3',
  'SHA-1',
  'SHA-256',
  'SHA-384',
  'SHA-512',
  'POSTPKIOperation',
  'Renewal',
  'SCEPStandard',
  '',
].join('\n');

/** What a success carries: a degenerate SignedData with a certificate or a list, or nothing yet. */
type Found = Buffer | undefined;

/**
 * One exchange of PKIOperation.
 * @throws Mom4cError M4C_MALFORMED if it is no pkiMessage, so that there is nothing to answer to
 */
export async function answerScep(
  octets: Uint8Array,
  own: ScepAuthority,
  policy: ScepPolicy,
): Promise<ScepAnswer> {
  const message = parseScepMessage(octets);
  const { transactionId, messageType } = message.attributes;
  const known = { transactionId, messageType, algorithms: algorithmsOf(message) };
  try {
    const reply = writeFound(message, await perform(message, own, policy), own);
    return { ...known, reply, fault: undefined };
  } catch (fault) {
    if (!(fault instanceof ScepFault)) throw fault;
    return { ...known, reply: writeFailure(message, fault, own), fault };
  }
}

function algorithmsOf({ envelope, signature }: ScepMessage): string {
  return `${cipherIn(envelope)?.name ?? 'no known cipher'}, ${signature.digest?.name ?? 'no known digest'}`;
}

/** @throws ScepFault */
async function perform(message: ScepMessage, own: ScepAuthority, policy: ScepPolicy): Promise<Found> {
  const { messageType, transactionId } = message.attributes;
  switch (messageType) {
    case 'PKCSReq':
    case 'RenewalReq': {
      const certificate = await policy.certify(openRequest(message, messageType, own, policy));
      return certificate && writeCertificates([certificate]);
    }
    case 'CertPoll': {
      const { content, signer } = openQuery(message, own);
      if (readQuery(content, readIssuerAndSubject).issuer !== own.authority.subject)
        throw new ScepFault('badCertID', 'asked of another authority');
      const certificate = await policy.poll({ transactionId, publicKey: signer.publicKey });
      return certificate && writeCertificates([certificate]);
    }
    case 'GetCRL': {
      // Strangers have the list over HTTP, which costs us nothing.
      if (message.signer) checkOurs(message.signer.raw, own, 'GetCRL');
      const asked = readQuery(openQuery(message, own).content, readIssuerAndSerial);
      if (asked.issuer !== own.authority.subject)
        throw new ScepFault('badCertID', 'a certificate of another authority');
      return writeCrls([await policy.crl(asked)]);
    }
    case 'GetCert':
      throw new ScepFault('badRequest', 'certificates are in the directory');
    case 'CertRep':
      throw new ScepFault('badRequest', 'a reply is no request');
  }
}

// --- requests for a certificate, RFC 8894 §3.3.1 and §3.3.1.2 -----------------------------------------------------

function openRequest(
  message: ScepMessage,
  type: ScepRequestType,
  own: ScepAuthority,
  policy: ScepPolicy,
): ScepRequest {
  const admit = admission(policy.admitsWeak());
  const { signer, envelope, digest } = readSigned(message, admit);
  // Before anything is decrypted: a stranger cannot even try the envelope of a renewal.
  const isRenewal = type === 'RenewalReq' || claimsToBeOurs(signer.raw, own);
  const renews = isRenewal ? checkOurs(signer.raw, own, 'renewal') : undefined;
  const opened = open(envelope, own, admit);
  const { digest: requestDigest, ...request } = readRequest(opened.content);
  // A captured envelope is of no use to anybody but the holder of the key that it asks a certificate for.
  if (!renews && !samePublicKey(signer.publicKey, request.publicKey)) throw undecipherable();
  return {
    ...request,
    transactionId: message.attributes.transactionId,
    renews,
    algorithms: algorithmsOf(message),
    weak: opened.cipher.weak || digest.weak || requestDigest.weak,
  };
}

/** Some clients (certmonger) renew with PKCSReq, as drafts before RFC 8894 had it: who signs tells what is meant. */
function claimsToBeOurs(der: Buffer, { authority }: ScepAuthority): boolean {
  try {
    return readCertificate(der).issuer === authority.subject;
  } catch {
    return false;
  }
}

function checkOurs(der: Buffer, { authority, clock }: ScepAuthority, what: string): Certificate {
  try {
    const certificate = readCertificate(der);
    verifyIssued(certificate, authority, clock.now());
    return certificate;
  } catch (error) {
    throw new ScepFault(
      'badCertID',
      `${what} signed by a certificate that is not acceptable: ${(error as Error).message}`,
    );
  }
}

function readRequest(content: Buffer): CertificationRequest {
  try {
    return readCertificationRequest(content);
  } catch {
    // What a wrong key decrypts to must not be told apart from a request with faults.
    throw undecipherable();
  }
}

// --- queries, RFC 8894 §3.3.2 and §3.3.4 ----------------------------------------------------------------------

/** No token speaks for a query, so nothing makes weak algorithms acceptable there. */
function openQuery(message: ScepMessage, own: ScepAuthority) {
  const admit = admission(false);
  const { signer, envelope } = readSigned(message, admit);
  return { signer, content: open(envelope, own, admit).content };
}

function readQuery<Query>(content: Buffer, read: (content: Buffer) => Query): Query {
  try {
    return read(content);
  } catch {
    throw undecipherable();
  }
}

// --- both -----------------------------------------------------------------------------------------------------

/** @throws ScepFault badAlg */
type Admission = (algorithm: Cipher | Digest) => void;

function admission(weak: boolean): Admission {
  return (algorithm) => {
    if (algorithm.weak && !weak)
      throw new ScepFault('badAlg', `${algorithm.name} is too weak without a token that allows it`);
  };
}

function readSigned(message: ScepMessage, admit: Admission) {
  const { signer, envelope, signature } = message;
  if (!signer) throw new ScepFault('badMessageCheck', 'without the certificate of its signer');
  const { digest } = signature;
  if (!digest) throw new ScepFault('badAlg', 'digest algorithm');
  admit(digest);
  checkScepSignature(message, signer);
  if (!envelope) throw new ScepFault('badRequest', 'without an envelope');
  return { signer, envelope, digest };
}

function open(envelope: Buffer, own: ScepAuthority, admit: Admission) {
  return openScepEnvelope(envelope, { key: own.key, certificate: own.authority.der }, own.random, admit);
}

/** Always in AES and SHA-256, whatever the request was in: every client reads them, and we sign no SHA-1. */
function writeFound(message: ScepMessage, found: Found, own: ScepAuthority): Buffer {
  const envelope = found && sealScepEnvelope(found, message.signer!, own.random);
  const attributes = { ...replyAttributes(message, own), pkiStatus: found ? 'SUCCESS' : 'PENDING' } as const;
  return writeScepMessage(attributes, envelope, { key: own.key, certificate: own.authority.der });
}

function writeFailure(message: ScepMessage, fault: ScepFault, own: ScepAuthority): Buffer {
  const { failInfo, text } = fault;
  const attributes = {
    ...replyAttributes(message, own),
    pkiStatus: 'FAILURE',
    failInfo,
    failInfoText: text,
  } as const;
  return writeScepMessage(attributes, undefined, { key: own.key, certificate: own.authority.der });
}

function replyAttributes({ attributes }: ScepMessage, { random }: ScepAuthority) {
  return {
    messageType: 'CertRep',
    transactionId: attributes.transactionId,
    senderNonce: random.bytes(16),
    recipientNonce: attributes.senderNonce,
  } as const;
}
