/** A node's side of SCEP (RFC 8894): fetch the authority, enrol with a token, renew with the certificate in hand. */
import { createPublicKey, generateKeyPair, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { Mom4cError } from '@mom4c/core';
import type { Certificate, Clock, Random, Role } from '@mom4c/core';
import { readAuthority, readCertificate, verifyIssued } from './certificates.ts';
import type { Authority } from './certificates.ts';
import type { Identity } from './identity.ts';
import { openScepEnvelope, sealScepEnvelope } from './scep-envelope.ts';
import {
  checkScepSignature,
  MAX_SCEP_OCTETS,
  parseScepMessage,
  readCertificates,
  ScepFault,
  writeScepMessage,
} from './scep-message.ts';
import type { ScepMessage, ScepSigner } from './scep-message.ts';
import { samePublicKey, writeCertificationRequest, writeSelfSigned } from './scep-request.ts';

export type EnrolRequest = {
  /** Of the SCEP service, as `http://ca.alpha.test:8080/scep`. */
  readonly url: string;
  readonly authority: Authority;
  readonly domain: string;
  readonly name: string;
  readonly role: Role;
  /** One use, bound to name and role. */
  readonly token: string;
  readonly signal: AbortSignal;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
};

export type RenewRequest = Pick<EnrolRequest, 'url' | 'authority' | 'signal' | 'clock' | 'random'> & {
  /** RSA or P-256; must still be valid. */
  readonly identity: Identity;
};

const REQUEST_LIMIT_MS = 20_000;
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

/**
 * First enrolment: a new RSA-2048 key and a certificate for it.
 * @throws Mom4cError M4C_TOKEN_INVALID, M4C_TOKEN_EXPIRED, M4C_CA_REFUSED, M4C_CA_UNREACHABLE, M4C_CA_NOT_TRUSTED,
 * M4C_CERTIFICATE_NAME, M4C_CERTIFICATE_INVALID
 */
export async function enroll(options: EnrolRequest): Promise<Identity> {
  // RSA, since every SCEP authority answers under it; the renewal that follows obtains the P-256 key.
  const { privateKey } = await makeKeyPair('rsa', { modulusLength: 2048 });
  const { clock, random, token } = options;
  const selfSigned = writeSelfSigned({ ...options, key: privateKey, now: clock.now(), random });
  const signer = { key: privateKey, certificate: selfSigned };
  return request({ ...options, messageType: 'PKCSReq', key: privateKey, signer, challengePassword: token });
}

/**
 * A new P-256 key and a certificate for it under the same name, asked for under the current certificate.
 * @throws as `enroll`, but for the token
 */
export async function renew(options: RenewRequest): Promise<Identity> {
  const { privateKey } = await makeKeyPair('ec', { namedCurve: 'P-256' });
  const { certificate, key } = options.identity;
  const { name, role, domain } = certificate;
  const signer = { key, certificate: certificate.der };
  return request({ ...options, messageType: 'RenewalReq', name, role, domain, key: privateKey, signer });
}

type Request = Omit<EnrolRequest, 'token'> & {
  messageType: 'PKCSReq' | 'RenewalReq';
  /** The key that is to be certified. */
  key: KeyObject;
  /** Whose key signs the request and opens the answer. */
  signer: ScepSigner;
  challengePassword?: string;
};

async function request(options: Request): Promise<Identity> {
  const { url, authority, messageType, key, signer, random, signal } = options;
  const envelope = sealScepEnvelope(
    writeCertificationRequest(options),
    new X509Certificate(authority.der),
    random,
  );
  const attributes = {
    messageType,
    transactionId: Buffer.from(random.bytes(16)).toString('hex'),
    senderNonce: random.bytes(16),
  } as const;
  const reply = await exchange(url, 'PKIOperation', writeScepMessage(attributes, envelope, signer), signal);
  const certificates = openReply(reply, attributes, options);
  return { key, certificate: checkIssued(certificates, options) };
}

/** @returns DER of the certificates in the answer */
function openReply(
  octets: Buffer,
  sent: { transactionId: string; senderNonce: Uint8Array },
  options: Request,
): Buffer[] {
  const message = parseReply(octets, options.authority);
  const { attributes } = message;
  if (attributes.messageType !== 'CertRep' || attributes.transactionId !== sent.transactionId)
    throw new Mom4cError('M4C_CA_REFUSED', 'the answer belongs to another request');
  // Without it an old answer of the authority could be passed off as the one to this request.
  if (!attributes.recipientNonce || Buffer.compare(attributes.recipientNonce, sent.senderNonce) !== 0)
    throw new Mom4cError('M4C_CA_REFUSED', 'the answer belongs to another request');
  if (attributes.pkiStatus === 'FAILURE')
    throw refusal(attributes.failInfo, attributes.failInfoText, attributes.transactionId);
  try {
    return readCertificates(
      openScepEnvelope(message.envelope ?? Buffer.alloc(0), options.signer, options.random),
    );
  } catch (error) {
    throw new Mom4cError('M4C_CA_REFUSED', 'the answer cannot be read', { cause: error });
  }
}

/** The message, if the pinned authority has signed it. */
function parseReply(octets: Buffer, authority: Authority): ScepMessage {
  let message: ScepMessage;
  try {
    message = parseScepMessage(octets);
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

const TOKEN_CODES = ['M4C_TOKEN_INVALID', 'M4C_TOKEN_EXPIRED'] as const;

function refusal(failInfo: string, text: string | undefined, transactionId: string): Mom4cError {
  const code = TOKEN_CODES.find((candidate) => candidate === text) ?? 'M4C_CA_REFUSED';
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

// --- HTTP, RFC 8894 §4 ----------------------------------------------------------------------------------------

async function exchange(
  url: string,
  operation: 'GetCACert' | 'PKIOperation',
  body: Buffer | undefined,
  signal: AbortSignal,
): Promise<Buffer> {
  const target = new URL(url);
  target.searchParams.set('operation', operation);
  const headers = { 'content-type': 'application/x-pki-message' };
  try {
    const response = await fetch(target, {
      ...(body ? { method: 'POST', body: Uint8Array.from(body), headers } : {}),
      // A redirect would lead to a place that nobody configured.
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_LIMIT_MS)]),
    });
    const answer = await readBounded(response);
    if (response.ok) return answer;
    const retryable = response.status === 429 || response.status >= 500;
    throw new Mom4cError(
      retryable ? 'M4C_CA_UNREACHABLE' : 'M4C_CA_REFUSED',
      `HTTP status ${response.status}`,
    );
  } catch (error) {
    if (error instanceof Mom4cError) throw error;
    throw new Mom4cError('M4C_CA_UNREACHABLE', target.host, { cause: error });
  }
}

async function readBounded(response: Response): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > MAX_SCEP_OCTETS) throw new Mom4cError('M4C_CA_REFUSED', 'the answer is too large');
    parts.push(part);
  }
  return Buffer.concat(parts);
}
