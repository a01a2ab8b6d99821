/** What goes into the envelopes of CertPoll and GetCRL: names of requests and of certificates (RFC 8894 §3.3.2, §3.3.4). */
import { decode, encode, readInteger, readSequence, sequence, unsignedInteger } from './der.ts';
import type { Der } from './der.ts';
import { MAX_SCEP_OCTETS } from './scep-message.ts';

/** Lower-case hex of DER, as in `Certificate`. */
export type IssuerAndSerial = { readonly issuer: string; readonly serial: string };
export type IssuerAndSubject = { readonly issuer: string; readonly subject: string };

export function writeIssuerAndSerial({ issuer, serial }: IssuerAndSerial): Buffer {
  return encode(sequence(nameIn(issuer), unsignedInteger(Buffer.from(serial, 'hex'))));
}

/** @throws Mom4cError M4C_MALFORMED */
export function readIssuerAndSerial(octets: Uint8Array): IssuerAndSerial {
  const [issuer, serial] = readSequence(decode(octets, MAX_SCEP_OCTETS), 'IssuerAndSerialNumber', 2);
  return { issuer: hexOf(issuer), serial: readInteger(serial, 'serialNumber').toString('hex') };
}

export function writeIssuerAndSubject({ issuer, subject }: IssuerAndSubject): Buffer {
  return encode(sequence(nameIn(issuer), nameIn(subject)));
}

/** @throws Mom4cError M4C_MALFORMED */
export function readIssuerAndSubject(octets: Uint8Array): IssuerAndSubject {
  const [issuer, subject] = readSequence(decode(octets, MAX_SCEP_OCTETS), 'IssuerAndSubject', 2);
  return { issuer: hexOf(issuer), subject: hexOf(subject) };
}

const nameIn = (hex: string): Der => decode(Buffer.from(hex, 'hex'), MAX_SCEP_OCTETS);
const hexOf = (name: Der | undefined): string =>
  encode(sequence(...readSequence(name, 'Name'))).toString('hex');
