/** What a level asks of a stream with a partner. Nothing else lowers a check. */
import { X509Certificate } from 'node:crypto';
import { Mom4cError } from '@mom4c/core';
import type { Clock } from '@mom4c/core';
import type { PeerCertificate, S2sPolicy } from '@mom4c/xmpp';
import type { Level, Partner } from './partner.ts';

/** What somebody who can reach the network may do to a link of this level. */
const WARNINGS: Readonly<Record<Exclude<Level, 'sso'>, string>> = {
  permissive:
    'whoever reaches this gateway may speak as the partner, and whoever is on the way may read and change all',
  verified:
    'whoever can change what DNS says, or is on the way, may speak as the partner, and read and change all',
  encrypted:
    'whoever has a certificate that is accepted speaks as the partner; no identity provider is asked',
};

/** `undefined` for sso. */
export function warningOf(level: Level): string | undefined {
  return level === 'sso' ? undefined : WARNINGS[level];
}

export function policyOf(partner: Partner, clock: Pick<Clock, 'now'>): S2sPolicy {
  switch (partner.level) {
    case 'sso':
      return {
        tls: 'direct',
        minVersion: 'TLSv1.3',
        verify: (peer) => checkPinned(partner, peer, clock.now()),
        authentication: 'SAML20',
      };
    case 'encrypted':
      return {
        tls: 'either',
        minVersion: 'TLSv1.2',
        verify: (peer, host) => checkEither(partner, peer, host, clock.now()),
        authentication: 'EXTERNAL',
      };
    case 'verified':
      return { tls: 'opportunistic', minVersion: 'TLSv1.2', verify: undefined, authentication: 'dialback' };
    case 'permissive':
      return { tls: 'opportunistic', minVersion: 'TLSv1.2', verify: undefined, authentication: 'none' };
  }
}

type Checked = Pick<Partner, 'domain' | 'hosts' | 'certificates' | 'authority'>;

function checkPinned(partner: Checked, peer: PeerCertificate | undefined, now: number): void {
  if (partner.certificates.length === 0)
    throw new Mom4cError(
      'M4C_METADATA',
      `no certificate of ${partner.domain} is known: they have expired, or lack its gateway`,
    );
  const certificate = read(peer);
  if (!isPinned(partner, certificate)) throw refused(`it is not one of ${partner.domain}`);
  checkTime(certificate, now);
}

function checkEither(partner: Checked, peer: PeerCertificate | undefined, host: string, now: number): void {
  const certificate = read(peer);
  if (!partner.hosts.includes(host)) throw refused(`${host} is no host of ${partner.domain}`);
  if (!isPinned(partner, certificate)) checkIssued(partner, certificate, host, now);
  checkTime(certificate, now);
}

/** Directly under one of the certificates of the authority's file: no chain is followed, so that no constraint of one in
 *  between is overlooked. */
function checkIssued(
  { domain, authority }: Checked,
  certificate: X509Certificate,
  host: string,
  now: number,
): void {
  if (authority === undefined) throw refused(`it is not one of ${domain}`);
  const issuer = certificatesIn(authority).find((one) => issued(one, certificate));
  if (!issuer) throw refused(`the authority of ${domain} has not issued it`);
  checkTime(issuer, now);
  if (!isForServers(certificate)) throw refused('it is not for servers');
  if (!names(certificate, host)) throw refused(`it does not name ${host}`);
}

function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  try {
    return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_USE = '2.5.29.37.0';

/** Node calls the extended key usage so; absent, it is for everything (RFC 5280 §4.2.1.12). */
function isForServers(certificate: X509Certificate): boolean {
  const uses = certificate.keyUsage as string[] | undefined;
  if (certificate.ca) return false;
  return uses === undefined || uses.some((use) => [SERVER_AUTH, CLIENT_AUTH, ANY_USE].includes(use));
}

/** dNSName (RFC 6125), or xmppAddr with a bare domain (RFC 6120 §13.7.1.4). */
function names(certificate: X509Certificate, host: string): boolean {
  if (certificate.checkHost(host, { subject: 'never', partialWildcards: false }) !== undefined) return true;
  // Node escapes the comma within a name.
  return certificate.subjectAltName?.split(', ').includes(`othername:XmppAddr:${host}`) ?? false;
}

function isPinned({ certificates }: Checked, { raw }: X509Certificate): boolean {
  return certificates.some((pinned) => raw.equals(pinned));
}

/** notAfter is inclusive and has whole seconds (RFC 5280 §4.1.2.5). */
function checkTime({ validFromDate, validToDate }: X509Certificate, now: number): void {
  if (!(now >= validFromDate.getTime())) throw refused('it is not valid yet');
  if (!(now < validToDate.getTime() + 1000)) throw refused('it has expired');
}

function read(peer: PeerCertificate | undefined): X509Certificate {
  if (!peer) throw refused('there is none');
  try {
    return new X509Certificate(peer.der);
  } catch {
    throw refused('it cannot be read');
  }
}

const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** Of a PEM text; settings have checked that there is at least one. */
export function certificatesIn(pem: string): X509Certificate[] {
  return (pem.match(BLOCK) ?? []).map((block) => new X509Certificate(block));
}

const refused = (detail: string): Mom4cError => new Mom4cError('M4C_PARTNER_CERTIFICATE', detail);
