/** Issuing certificates: the domain's authority, its members and servers. */
import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { type BareJid, type Clock, Mom4cError, type Random, type Role } from '@mom4c/core';
import { dnsName, ipName, uriName, xmppName } from './certificate-extensions.ts';
import { NOBODY, nameOf } from './certificate-names.ts';
import { keyIdOf, writeCertificate } from './certificate-writer.ts';
import { type Authority, checkKey, readAuthority, readCertificate, verifyIssued } from './certificates.ts';
import { type Der, encode, reading } from './der.ts';

export type AuthorityRequest = {
  /** O of the certificate. */
  readonly domain: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly validityDays: number;
};

export type IssueRequest = {
  readonly authority: Authority;
  readonly authorityKey: KeyObject;
  /** P-256, or RSA of 2048 to 4096 bits. */
  readonly publicKey: KeyObject;
  /** CN. */
  readonly name: string;
  /** OU. */
  readonly role: Role;
  /** O. */
  readonly domain: string;
  /** XMPP addresses: `name@domain`, for a cluster manager `cm@domain` as well; empty for role `server`. */
  readonly addresses: readonly BareJid[];
  /** DNS names and IP addresses, for role `server` only. */
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  /** Milliseconds since 1970; whole seconds are kept. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** For the serial number: 16 octets. */
  readonly random: Random;
};

const generate = promisify(generateKeyPair);

/** RSA, since SCEP clients encrypt to it; 3072 bits, since that is as strong as the P-256 it signs, for ten years. */
const AUTHORITY_BITS = 3072;

const DAY = 86_400_000;

/** Nodes without a battery-backed clock start late: they shall not find their authority in the future. */
const AUTHORITY_BACKDATE = DAY;

/** A self-signed RSA-3072 authority `CN=ca, OU=ca, O=domain`. @throws Mom4cError M4C_CERTIFICATE_INVALID */
export async function createAuthority(
  request: AuthorityRequest,
): Promise<{ key: KeyObject; authority: Authority }> {
  const { publicKey, privateKey } = await generate('rsa', { modulusLength: AUTHORITY_BITS });
  const name = encode(nameOf({ CN: 'ca', OU: 'ca', O: request.domain }));
  const now = request.clock.now();
  const der = await writeCertificate({
    subject: name,
    issuer: name,
    publicKey,
    signingKey: privateKey,
    authorityKeyId: undefined,
    ca: true,
    // The last two are for SCEP: it signs answers and opens requests with the key of the authority.
    usage: ['keyCertSign', 'cRLSign', 'digitalSignature', 'keyEncipherment'],
    extendedUsage: [],
    altNames: [],
    notBefore: now - AUTHORITY_BACKDATE,
    notAfter: now + request.validityDays * DAY,
    random: request.random,
  });
  return { key: privateKey, authority: readAuthority(der) };
}

/** @returns DER, which `readCertificate` and `verifyIssued` accept. @throws Mom4cError M4C_CERTIFICATE_INVALID */
export async function issueCertificate(request: IssueRequest): Promise<Uint8Array> {
  const { authority, publicKey, role } = request;
  checkKey(publicKey);
  const server = role === 'server';
  if (!server && !request.addresses.includes(`${request.name}@${request.domain}`))
    throw new Mom4cError('M4C_CERTIFICATE_INVALID', 'it does not name the address of its subject');
  const der = await writeCertificate({
    subject: encode(nameOf({ CN: request.name, OU: role, O: request.domain })),
    issuer: Buffer.from(authority.subject, 'hex'),
    publicKey,
    signingKey: request.authorityKey,
    authorityKeyId: authority.keyId ?? keyIdOf(authority.publicKey),
    ca: false,
    // One P-256 key signs and agrees, one RSA key signs and unwraps.
    usage: ['digitalSignature', publicKey.asymmetricKeyType === 'ec' ? 'keyAgreement' : 'keyEncipherment'],
    // Servers are clients of each other (a NATS cluster's routes).
    extendedUsage: server ? ['serverAuth', 'clientAuth'] : ['clientAuth'],
    altNames: reading('M4C_CERTIFICATE_INVALID', () => altNamesOf(request)),
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    random: request.random,
  });
  // What we would not accept ourselves must not leave: this also catches a key that is not the authority's.
  const certificate = readCertificate(der);
  if (!(certificate.notBefore < certificate.notAfter))
    throw new Mom4cError('M4C_CERTIFICATE_INVALID', 'it would end before it begins');
  if (certificate.notAfter > authority.notAfter)
    throw new Mom4cError('M4C_CERTIFICATE_INVALID', 'it would outlive its authority');
  verifyIssued(certificate, authority, Math.max(certificate.notBefore, authority.notBefore));
  return der;
}

function altNamesOf({ addresses, name, domain, role, dns = [], ips = [] }: IssueRequest): Der[] {
  const hosts = [...dns.map(dnsName), ...ips.map(ipName)];
  return role === 'server'
    ? [...hosts, xmppName(NOBODY)]
    : [...addresses.map(xmppName), uriName(`xmpp:${name}@${domain}`), ...hosts];
}
