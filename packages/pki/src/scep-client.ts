/**
 * A node's side of SCEP (RFC 8894): fetch the authority, enrol with a token or by approval, renew with the certificate
 * in hand, fetch the revocation list; and what stands beside it, the generation of the domain's epochs.
 */
import { createPublicKey, generateKeyPair, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { Mom4cError } from '@mom4c/core';
import type { Certificate, Clock, Random, Role } from '@mom4c/core';
import { readAuthority, readCertificate, verifyIssued } from './certificates.ts';
import type { Authority } from './certificates.ts';
import { MAX_GENERATION_STATEMENT, readGeneration } from './generation-statement.ts';
import type { GenerationStatement } from './generation-statement.ts';
import type { Identity } from './identity.ts';
import type { ScepRequestType } from './scep-attributes.ts';
import { openScepEnvelope, sealScepEnvelope } from './scep-envelope.ts';
import { exchange, getBeside } from './scep-http.ts';
import {
  checkScepSignature,
  MAX_CRL_OCTETS,
  parseScepMessage,
  readCertificates,
  readCrls,
  ScepFault,
  writeScepMessage,
} from './scep-message.ts';
import type { ScepMessage, ScepSigner } from './scep-message.ts';
import { writeIssuerAndSerial, writeIssuerAndSubject } from './scep-query.ts';
import {
  keyFingerprint,
  samePublicKey,
  subjectOf,
  writeCertificationRequest,
  writeSelfSigned,
} from './scep-request.ts';

export type EnrolRequest = {
  /** Of the SCEP service, as `http://ca.alpha.test:8080/scep`. */
  readonly url: string;
  readonly authority: Authority;
  readonly domain: string;
  readonly name: string;
  readonly role: Role;
  /**
   * RSA, private: every SCEP authority answers under it; the renewal that follows obtains the P-256 key. It names the
   * transaction: sent again with the same key and token, a request gets the same certificate.
   */
  readonly key: KeyObject;
  /** One use, bound to name and role. Without one a person has to approve. */
  readonly token: string | undefined;
  readonly signal: AbortSignal;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
};

type Common = Pick<EnrolRequest, 'url' | 'authority' | 'signal' | 'clock' | 'random'>;

export type RenewRequest = Common & {
  /** RSA or P-256; must still be valid. */
  readonly identity: Identity;
  /** Of the new key; an authority that is not ours may issue for RSA only. P-256 where absent. */
  readonly kind?: 'p256' | 'rsa';
  /** Some authorities that are not ours want one at every renewal. */
  readonly token?: string;
};

export type CrlRequest = Common & {
  /** Who asks. */
  readonly identity: Identity;
  /** What is to be looked up; of this authority. */
  readonly certificate: Pick<Certificate, 'issuer' | 'serial'>;
};

const RSA_BITS = 2048;
const makeKeyPair = promisify(generateKeyPair);

/**
 * The authority's certificate, if it is the one that is pinned.
 * @param fingerprint SHA-256 over its DER: hex, with or without colons
 * @throws Mom4cError M4C_CA_UNREACHABLE, M4C_CA_NOT_TRUSTED, M4C_CA_REFUSED
 */
export async function fetchAuthority(options: {
  url: string;
  fingerprint: string;
  signal: AbortSignal;
}): Promise<Authority> {
  const der = await exchange(options.url, 'GetCACert', undefined, options.signal);
  let authority: Authority;
  try {
    authority = readAuthority(der);
  } catch (error) {
    throw new Mom4cError('M4C_CA_NOT_TRUSTED', 'it shows no certificate of an authority', { cause: error });
  }
  if (authority.fingerprint !== options.fingerprint.replaceAll(':', '').toLowerCase())
    throw new Mom4cError('M4C_CA_NOT_TRUSTED', `it shows the fingerprint ${authority.fingerprint}`);
  return authority;
}

export async function makeEnrolmentKey(): Promise<KeyObject> {
  return (await makeKeyPair('rsa', { modulusLength: RSA_BITS })).privateKey;
}

/**
 * First enrolment: a certificate for that key.
 * @throws Mom4cError M4C_TOKEN_INVALID, M4C_TOKEN_EXPIRED, M4C_ENROLMENT_PENDING, M4C_ENROLMENT_REJECTED,
 * M4C_BUSY (too many wait for approval), M4C_CA_REFUSED, M4C_CA_UNREACHABLE, M4C_CA_NOT_TRUSTED, M4C_CERTIFICATE_NAME, M4C_CERTIFICATE_INVALID
 */
export async function enroll(options: EnrolRequest): Promise<Identity> {
  const content = writeCertificationRequest({ ...options, challengePassword: options.token });
  return request({ ...options, messageType: 'PKCSReq', signer: selfSigner(options), content });
}

/** Asks whether the request with that key is decided (CertPoll, RFC 8894 §3.3.3). @throws as `enroll` */
export async function pollEnrolment(options: Omit<EnrolRequest, 'token'>): Promise<Identity> {
  const issuer = options.authority.subject;
  const content = writeIssuerAndSubject({ issuer, subject: subjectOf(options) });
  return request({ ...options, messageType: 'CertPoll', signer: selfSigner(options), content });
}

/** As whom a node signs before it has a certificate (RFC 8894 §2.3). */
function selfSigner(options: Omit<EnrolRequest, 'token'>): ScepSigner {
  const { key, clock } = options;
  return { key, certificate: writeSelfSigned({ ...options, now: clock.now() }) };
}

/**
 * A new key and a certificate for it under the same name, asked for under the current certificate.
 * @throws as `enroll`, but for the token
 */
export async function renew(options: RenewRequest): Promise<Identity> {
  const { identity, kind = 'p256' } = options;
  const { privateKey: key } =
    kind === 'rsa'
      ? await makeKeyPair('rsa', { modulusLength: RSA_BITS })
      : await makeKeyPair('ec', { namedCurve: 'P-256' });
  const { name, role, domain, der } = identity.certificate;
  const subject = { name, role, domain };
  const content = writeCertificationRequest({ ...subject, key, challengePassword: options.token });
  const signer = { key: identity.key, certificate: der };
  return request({ ...options, messageType: 'RenewalReq', ...subject, key, signer, content });
}

/**
 * The revocation list on which that certificate would be (GetCRL, RFC 8894 §3.3.4). Its own signature is not looked at.
 * @returns DER @throws Mom4cError M4C_CA_REFUSED, M4C_CA_UNREACHABLE, M4C_CA_NOT_TRUSTED
 */
export async function fetchCrl(options: CrlRequest): Promise<Buffer> {
  const { identity, certificate } = options;
  const signer = { key: identity.key, certificate: identity.certificate.der };
  const content = writeIssuerAndSerial(certificate);
  const opened = await transact({ ...options, messageType: 'GetCRL', signer, content });
  const [crl] = reading(() => readCrls(opened));
  if (!crl) throw new Mom4cError('M4C_CA_REFUSED', 'the answer has no list');
  return crl;
}

/** The latest statement about the generation of the domain's epochs. @param options.url of the SCEP service, beside which it is
 *  @returns undefined if there never was one @throws Mom4cError M4C_CA_UNREACHABLE, M4C_CA_REFUSED; as `readGeneration` */
export async function fetchGeneration(options: {
  readonly url: string;
  readonly authority: Authority;
  readonly domain: string;
  readonly signal: AbortSignal;
}): Promise<{ readonly statement: GenerationStatement; readonly octets: Uint8Array } | undefined> {
  const octets = await getBeside(options.url, 'generation', MAX_GENERATION_STATEMENT, options.signal);
  return octets && { statement: readGeneration(octets, options), octets };
}

type Exchange = Common & {
  messageType: ScepRequestType;
  /** Whose key signs the request and opens the answer. */
  signer: ScepSigner;
  /** What goes into the envelope. */
  content: Buffer;
};

type Request = Exchange & {
  name: string;
  role: Role;
  domain: string;
  /** The key that is to be certified. */
  key: KeyObject;
};

async function request(options: Request): Promise<Identity> {
  const opened = await transact(options);
  return {
    key: options.key,
    certificate: checkIssued(
      reading(() => readCertificates(opened)),
      options,
    ),
  };
}

/** @returns what the envelope of the answer holds */
async function transact(options: Exchange): Promise<Buffer> {
  const { url, authority, messageType, signer, content, random, signal } = options;
  const envelope = sealScepEnvelope(content, new X509Certificate(authority.der), random);
  const attributes = {
    messageType,
    transactionId: transactionOf(options),
    senderNonce: random.bytes(16),
  } as const;
  const reply = await exchange(url, 'PKIOperation', writeScepMessage(attributes, envelope, signer), signal);
  return openReply(reply, attributes, options);
}

/** An enrolment is one transaction however often it is sent, so its key names it (RFC 8894 §3.2.1.1). */
function transactionOf({ messageType, signer, random }: Exchange): string {
  if (messageType !== 'PKCSReq' && messageType !== 'CertPoll')
    return Buffer.from(random.bytes(16)).toString('hex');
  return keyFingerprint(signer.key);
}

/**
 * What an answer holds is public, and a certificate in it is checked by itself, under the strict profile. So the answer
 * may be in whatever the authority knows: some still sign with SHA-1 and encrypt with DES, whatever they were sent.
 */
const ANY_CIPHER = (): void => {};

function openReply(
  octets: Buffer,
  sent: { transactionId: string; senderNonce: Uint8Array },
  options: Exchange,
): Buffer {
  const { attributes, envelope = Buffer.alloc(0) } = parseReply(octets, options.authority);
  if (attributes.messageType !== 'CertRep' || attributes.transactionId !== sent.transactionId)
    throw new Mom4cError('M4C_CA_REFUSED', 'the answer belongs to another request');
  // Without it an old answer of the authority could be passed off as the one to this request.
  if (!attributes.recipientNonce || Buffer.compare(attributes.recipientNonce, sent.senderNonce) !== 0)
    throw new Mom4cError('M4C_CA_REFUSED', 'the answer belongs to another request');
  if (attributes.pkiStatus === 'FAILURE')
    throw refusal(attributes.failInfo, attributes.failInfoText, attributes.transactionId);
  if (attributes.pkiStatus === 'PENDING') throw new Mom4cError('M4C_ENROLMENT_PENDING');
  return reading(() => openScepEnvelope(envelope, options.signer, options.random, ANY_CIPHER).content);
}

function reading<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw new Mom4cError('M4C_CA_REFUSED', 'the answer cannot be read', { cause: error });
  }
}

/** The message, if the pinned authority has signed it. */
function parseReply(octets: Buffer, authority: Authority): ScepMessage {
  let message: ScepMessage;
  try {
    message = parseScepMessage(octets, MAX_CRL_OCTETS);
  } catch (error) {
    throw new Mom4cError('M4C_CA_REFUSED', 'the answer is no SCEP message', { cause: error });
  }
  try {
    checkScepSignature(message, new X509Certificate(authority.der));
  } catch (error) {
    if (!(error instanceof ScepFault)) throw error;
    throw new Mom4cError('M4C_CA_NOT_TRUSTED', 'it did not sign the answer', { cause: error });
  }
  return message;
}

/** What our own authority says in failInfoText. */
const TOLD_CODES = ['M4C_TOKEN_INVALID', 'M4C_TOKEN_EXPIRED', 'M4C_ENROLMENT_REJECTED', 'M4C_BUSY'] as const;

function refusal(failInfo: string, text: string | undefined, transactionId: string): Mom4cError {
  const code = TOLD_CODES.find((candidate) => candidate === text) ?? 'M4C_CA_REFUSED';
  return new Mom4cError(code, `${failInfo}, transaction ${transactionId}`);
}

function checkIssued(certificates: readonly Buffer[], options: Request): Certificate {
  const { key, name, role, domain, authority, clock } = options;
  const publicKey = createPublicKey(key);
  const der = certificates.find((candidate) =>
    samePublicKey(new X509Certificate(candidate).publicKey, publicKey),
  );
  if (!der) throw new Mom4cError('M4C_CERTIFICATE_INVALID', 'the authority issued it for another key');
  const certificate = readCertificate(der);
  verifyIssued(certificate, authority, clock.now());
  if (certificate.name !== name || certificate.role !== role || certificate.domain !== domain)
    throw new Mom4cError(
      'M4C_CERTIFICATE_NAME',
      `the authority issued it for ${certificate.name}, ${certificate.role}`,
    );
  return certificate;
}
