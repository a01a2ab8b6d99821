/** Reading certificates: the strict profile of our domains, and who issued what. */
import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import {
  type BareJid,
  type Certificate,
  isDomain,
  isNodeName,
  Mom4cError,
  ROLES,
  type Role,
} from '@mom4c/core';
import {
  type Extensions,
  KEY_USAGE,
  readAltNames,
  readBasicConstraints,
  readExtensions,
  readKeyUsage,
  readSubjectKeyIdentifier,
} from './certificate-extensions.ts';
import { NOBODY, readSubject } from './certificate-names.ts';
import { decode, type Der, encode, readInteger, readOid, readSequence, readTime, reading } from './der.ts';

/** The certificate of a domain's certificate authority. Immutable. */
export type Authority = {
  readonly der: Uint8Array;
  readonly pem: string;
  /** DER of its subject Name, lower-case hex: what certificates that it issued carry as `issuer`. */
  readonly subject: string;
  /** DER of its issuer's Name (its own where it is self-signed), lower-case hex. */
  readonly issuer: string;
  /** Lower-case hex, as in DER. */
  readonly serial: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SHA-256 over the DER, lower-case hex. */
  readonly fingerprint: string;
  readonly publicKey: KeyObject;
  /** subjectKeyIdentifier, for the authorityKeyIdentifier of what it issues. */
  readonly keyId: Uint8Array | undefined;
};

/** What every certificate has, before it is known what it is for. */
type Fields = {
  readonly der: Uint8Array;
  readonly subject: Der;
  readonly issuer: string;
  readonly serial: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly fingerprint: string;
  readonly publicKey: KeyObject;
  readonly extensions: Extensions;
};

/** An RSA-4096 certificate with all of our extensions has about 2 kB. */
const MAX_OCTETS = 16_384;

/** SHA-256, SHA-384 and SHA-512, with RSA (PKCS #1 v1.5) and with ECDSA. */
const SIGNATURE_ALGORITHMS: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
]);

const VERSION_3 = Buffer.from('a003020102', 'hex');

/**
 * A certificate of our profile: subject exactly CN (node name), OU (one role), O (domain); a member names its XMPP
 * address as otherName xmppAddr (RFC 6120 §13.7.1.4) and URI, or as URI alone; a server its DNS names and IP addresses
 * and `NOBODY`.
 * Its signature is not looked at: see `verifyIssued`. @throws Mom4cError M4C_CERTIFICATE_INVALID
 */
export function readCertificate(der: Uint8Array): Certificate {
  return reading('M4C_CERTIFICATE_INVALID', () => {
    const { subject, extensions, ...fields } = readFields(der);
    const { CN: name, OU: role, O: domain } = readSubject(subject);
    if (!isNodeName(name)) throw invalid('CN is not a node name');
    if (!isRole(role)) throw invalid('OU is not a role');
    if (!isDomain(domain)) throw invalid('O is not a domain');
    if (readBasicConstraints(extensions)) throw invalid('an authority is not a member');
    const usage = readKeyUsage(extensions);
    if (usage && !usage.has(KEY_USAGE.digitalSignature)) throw invalid('its key may not sign');
    const addresses = readAddresses(extensions, name, role, domain);
    return Object.freeze({ name, role, domain, addresses, ...fields });
  });
}

/** A CA certificate: basicConstraints CA and keyCertSign. @throws Mom4cError M4C_CERTIFICATE_INVALID */
export function readAuthority(der: Uint8Array): Authority {
  return reading('M4C_CERTIFICATE_INVALID', () => {
    const { subject, extensions, ...fields } = readFields(der);
    if (!readBasicConstraints(extensions)) throw invalid('not an authority: basicConstraints');
    if (!readKeyUsage(extensions)?.has(KEY_USAGE.keyCertSign)) throw invalid('not an authority: keyUsage');
    const pem = toPem('CERTIFICATE', fields.der);
    const keyId = readSubjectKeyIdentifier(extensions);
    return Object.freeze({ subject: encode(subject).toString('hex'), pem, keyId, ...fields });
  });
}

/** Frozen certificates whose signature was found good, by the authority that made it: so it is checked once. */
const signedBy = new WeakMap<Certificate, Authority>();

/** Issuer, signature, and the time of both. @param at milliseconds since 1970 @throws Mom4cError M4C_CERTIFICATE_INVALID */
export function verifyIssued(certificate: Certificate, authority: Authority, at: number): void {
  if (certificate.issuer !== authority.subject) throw invalid('another authority issued it');
  if (signedBy.get(certificate) !== authority) {
    if (!isSignedBy(certificate.der, authority.publicKey))
      throw invalid('the signature of the authority does not fit');
    if (Object.isFrozen(certificate)) signedBy.set(certificate, authority);
  }
  checkTime(authority, at, 'the authority');
  checkTime(certificate, at, 'it');
}

function isSignedBy(der: Uint8Array, key: KeyObject): boolean {
  try {
    return new X509Certificate(der).verify(key);
  } catch {
    // openssl demands more of a certificate than we look at.
    return false;
  }
}

/** P-256, or RSA of 2048 to 4096 bits: anything else is refused wherever a certificate is read or issued. */
export function checkKey(key: KeyObject): void {
  const { namedCurve, modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  const fits =
    (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') ||
    (key.asymmetricKeyType === 'rsa' &&
      modulusLength >= 2048 &&
      modulusLength <= 4096 &&
      publicExponent >= 65537n);
  if (!fits) throw invalid('its key is neither P-256 nor RSA of 2048 to 4096 bits');
}

/** @param label as `CERTIFICATE` */
export function toPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The one PEM block of that label. @throws Mom4cError M4C_CERTIFICATE_INVALID if there is none or more than one */
export function fromPem(label: string, text: string): Buffer {
  const blocks = text.length > 4 * MAX_OCTETS ? [] : text.split(`-----BEGIN ${label}-----`).slice(1);
  const body = blocks[0]?.split(`-----END ${label}-----`)[0]?.replaceAll(/\s/g, '') ?? '';
  if (blocks.length !== 1 || !/^[A-Za-z0-9+/]+={0,2}$/.test(body)) throw invalid(`one PEM ${label} expected`);
  return Buffer.from(body, 'base64');
}

/** RFC 5280 §4.1. */
function readFields(given: Uint8Array): Fields {
  // A copy: the certificate is cached by its fingerprint, the caller's octets may change.
  const der = Uint8Array.from(given);
  const [tbs, outer] = readSequence(decode(der, MAX_OCTETS), 'Certificate', 3);
  const [version, serial, inner, issuer, validity, subject, spki, ...rest] = readSequence(
    tbs,
    'TBSCertificate',
  );
  if (!version || !encode(version).equals(VERSION_3)) throw invalid('version 3 expected');
  if (!outer || !inner || !encode(outer).equals(encode(inner))) throw invalid('two signature algorithms');
  if (!SIGNATURE_ALGORITHMS.has(readOid(readSequence(inner, 'signature')[0], 'signature')))
    throw invalid('its signature algorithm is not accepted');
  const octets = readInteger(serial, 'serialNumber');
  if (octets.length > 20 || octets[0]! > 127) throw invalid('serialNumber');
  const [notBefore, notAfter] = readSequence(validity, 'validity', 2);
  if (!issuer || !subject || !spki) throw invalid('TBSCertificate');
  readSequence(issuer, 'issuer');
  return {
    der,
    subject,
    issuer: encode(issuer).toString('hex'),
    serial: octets.toString('hex'),
    notBefore: readTime(notBefore, 'notBefore'),
    notAfter: readTime(notAfter, 'notAfter'),
    fingerprint: createHash('sha256').update(der).digest('hex'),
    publicKey: readPublicKey(encode(spki)),
    extensions: readExtensions(rest),
  };
}

function readPublicKey(spki: Buffer): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  } catch (cause) {
    throw new Mom4cError('M4C_CERTIFICATE_INVALID', 'its key cannot be read', { cause });
  }
  checkKey(key);
  return key;
}

function readAddresses(extensions: Extensions, name: string, role: Role, domain: string): readonly BareJid[] {
  const { xmpp, uris, hosts } = readAltNames(extensions);
  if (role === 'server') {
    if (xmpp.length !== 1 || xmpp[0] !== NOBODY || uris.length > 0 || hosts === 0)
      throw invalid('a server names hosts, and the address of nobody');
    return Object.freeze([]);
  }
  const own = `${name}@${domain}`;
  // Any cluster manager may answer as `cm@domain`; nobody else may be called so.
  if (name === 'cm' && role !== 'cm') throw invalid('the name `cm` belongs to cluster managers');
  const allowed = role === 'cm' ? [own, `cm@${domain}`] : [own];
  // Authorities that are not ours may know the URI only.
  const named = xmpp.length > 0 ? xmpp : [own];
  if (
    !named.includes(own) ||
    named.some((address) => !allowed.includes(address)) ||
    new Set(named).size !== named.length
  )
    throw invalid('its xmppAddr names are not those of its subject');
  if (uris.length !== 1 || uris[0] !== `xmpp:${own}`) throw invalid('its URI is not that of its subject');
  if (hosts > 0) throw invalid('a member names no hosts');
  return Object.freeze(named);
}

function isRole(text: string): text is Role {
  return ROLES.some((role) => role === text);
}

function checkTime(
  { notBefore, notAfter }: { notBefore: number; notAfter: number },
  at: number,
  who: string,
): void {
  // Written so that NaN is refused. notAfter is inclusive and has whole seconds (RFC 5280 §4.1.2.5).
  if (!(at >= notBefore)) throw invalid(`${who} is not valid yet`);
  if (!(at < notAfter + 1000)) throw invalid(`${who} has expired`);
}

function invalid(detail: string): Mom4cError {
  return new Mom4cError('M4C_CERTIFICATE_INVALID', detail);
}
