/** The extensions of certificates that we read and write (RFC 5280 §4.2). */
import { isIP } from 'node:net';
import {
  bitList,
  boolean,
  decode,
  type Der,
  encode,
  isOctetString,
  isTagged,
  malformed,
  octetString,
  oid,
  readBitList,
  readBoolean,
  readOctetString,
  readOid,
  readSequence,
  readTagged,
  readTaggedOctets,
  readText,
  sequence,
  tagged,
  taggedOctets,
  utf8String,
} from './der.ts';

/** Value by type. Critical ones that we do not know have been refused. */
export type Extensions = ReadonlyMap<string, Uint8Array>;

/** What a subjectAltName holds. `hosts` counts DNS names and IP addresses. */
export type AltNames = { readonly xmpp: string[]; readonly uris: string[]; readonly hosts: number };

export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** Bits of keyUsage (RFC 5280 §4.2.1.3). */
export const KEY_USAGE = {
  digitalSignature: 0,
  keyEncipherment: 2,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
} as const;

export const EXTENDED_KEY_USAGE = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** RFC 6120 §13.7.1.4: id-on-xmppAddr. */
const XMPP_ADDR = '1.3.6.1.5.5.7.8.5';

/** Tags of GeneralName (RFC 5280 §4.2.1.6). */
const NAME = { other: 0, dns: 2, uri: 6, ip: 7 } as const;

const MAX_OCTETS = 8_192;
const MAX_EXTENSIONS = 20;
const MAX_NAMES = 16;

// --- reading --------------------------------------------------------------------------------------------------

/** @param rest what follows the public key in a TBSCertificate @throws Mom4cError M4C_MALFORMED */
export function readExtensions(rest: readonly Der[]): Extensions {
  const found = new Map<string, Uint8Array>();
  if (rest.length === 0) return found;
  if (rest.length > 1) throw malformed('unique identifiers are not accepted');
  const [list] = readTagged(rest[0], 3, 'extensions', 1);
  const extensions = readSequence(list, 'extensions');
  if (extensions.length > MAX_EXTENSIONS) throw malformed('too many extensions');
  const known: readonly string[] = Object.values(EXTENSION);
  for (const extension of extensions) {
    const items = readSequence(extension, 'extension');
    const id = readOid(items[0], 'extension');
    // `critical` is DEFAULT FALSE, and so may be missing.
    const hasCritical = !isOctetString(items[1]);
    if (items.length !== (hasCritical ? 3 : 2)) throw malformed('extension');
    const critical = hasCritical && readBoolean(items[1], 'critical');
    if (found.has(id)) throw malformed(`extension ${id} twice`);
    if (critical && !known.includes(id)) throw malformed(`critical extension ${id} is not known`);
    found.set(id, readOctetString(items.at(-1), 'extension'));
  }
  return found;
}

/** Is it an authority? */
export function readBasicConstraints(extensions: Extensions): boolean {
  const value = extensions.get(EXTENSION.basicConstraints);
  if (!value) return false;
  const [ca] = readSequence(decode(value, MAX_OCTETS), 'basicConstraints');
  return ca !== undefined && readBoolean(ca, 'basicConstraints');
}

/** undefined: there is none, and so no limit to what the key is for. */
export function readKeyUsage(extensions: Extensions): Set<number> | undefined {
  const value = extensions.get(EXTENSION.keyUsage);
  return value && readBitList(decode(value, MAX_OCTETS), 'keyUsage');
}

export function readSubjectKeyIdentifier(extensions: Extensions): Uint8Array | undefined {
  const value = extensions.get(EXTENSION.subjectKeyIdentifier);
  return value && readOctetString(decode(value, MAX_OCTETS), 'subjectKeyIdentifier');
}

export function readAltNames(extensions: Extensions): AltNames {
  const value = extensions.get(EXTENSION.subjectAltName);
  const names = value ? readSequence(decode(value, MAX_OCTETS), 'subjectAltName') : [];
  if (names.length > MAX_NAMES) throw malformed('subjectAltName: too many names');
  const xmpp: string[] = [];
  const uris: string[] = [];
  let hosts = 0;
  for (const name of names) {
    if (isTagged(name, NAME.other)) xmpp.push(readXmppAddr(name));
    else if (isTagged(name, NAME.uri)) uris.push(readTaggedOctets(name, NAME.uri, 'URI').toString('latin1'));
    else if (isTagged(name, NAME.dns) || isTagged(name, NAME.ip)) hosts += 1;
    else throw malformed('subjectAltName: a kind of name that is not accepted');
  }
  return { xmpp, uris, hosts };
}

function readXmppAddr(name: Der): string {
  const [type, explicit] = readTagged(name, NAME.other, 'otherName', 2);
  if (readOid(type, 'otherName') !== XMPP_ADDR) throw malformed('otherName: xmppAddr expected');
  const [address] = readTagged(explicit, 0, 'xmppAddr', 1);
  return readText(address, 'xmppAddr');
}

// --- building: the value of each extension, DER -----------------------------------------------------------------

/** A member has `CA:FALSE`, whose DER is an empty SEQUENCE. */
export const basicConstraints = (ca: boolean): Buffer => encode(ca ? sequence(boolean(true)) : sequence());

export const keyUsage = (...usages: (keyof typeof KEY_USAGE)[]): Buffer =>
  encode(bitList(usages.map((usage) => KEY_USAGE[usage])));

export const extendedKeyUsage = (...usages: (keyof typeof EXTENDED_KEY_USAGE)[]): Buffer =>
  encode(sequence(...usages.map((usage) => oid(EXTENDED_KEY_USAGE[usage]))));

export const subjectKeyIdentifier = (id: Uint8Array): Buffer => encode(octetString(id));
export const authorityKeyIdentifier = (id: Uint8Array): Buffer => encode(sequence(taggedOctets(0, id)));

export const subjectAltName = (...names: Der[]): Buffer => encode(sequence(...names));
export const xmppName = (address: string): Der =>
  tagged(NAME.other, oid(XMPP_ADDR), tagged(0, utf8String(address)));
export const uriName = (uri: string): Der => taggedOctets(NAME.uri, Buffer.from(uri, 'latin1'));
export const dnsName = (host: string): Der => taggedOctets(NAME.dns, Buffer.from(host, 'latin1'));
/** @throws Mom4cError M4C_MALFORMED if it is not an IP address */
export const ipName = (address: string): Der => taggedOctets(NAME.ip, ipOctets(address));

function ipOctets(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  if (isIP(address) !== 6 || address.includes('%')) throw malformed('not an IP address');
  // URL writes the canonical form, in which only `::` is left to fill in.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [head = [], tail = []] = canonical.split('::').map((part) => part.split(':').filter(Boolean));
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
