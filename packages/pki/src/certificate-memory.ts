import { createHash } from 'node:crypto';
import type { Certificate, Clock } from '@mom4c/core';
import { readCertificate, verifyIssued } from './certificates.ts';
import type { Authority } from './certificates.ts';
import { RecentMap } from './recent-map.ts';

/**
 * Certificates of one authority by the SHA-256 of their DER, so that each is parsed once and its signature is checked
 * once, however often the directory shows it. Bounded, least recently used out first. Only what the authority has
 * issued is kept: a server that makes things up can push nothing out.
 */
export class CertificateMemory {
  readonly #authority: Authority;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #kept: RecentMap<string, Certificate>;

  constructor(authority: Authority, clock: Pick<Clock, 'now'>, capacity = 10_000) {
    this.#authority = authority;
    this.#clock = clock;
    this.#kept = new RecentMap(capacity);
  }

  /** Parsed, not verified. @throws Mom4cError M4C_CERTIFICATE_INVALID */
  read = (der: Uint8Array): Certificate =>
    this.#kept.get(createHash('sha256').update(der).digest('hex')) ?? readCertificate(der);

  /** That our authority has issued it and that both are valid now; the time is looked at every time.
   *  @throws Mom4cError M4C_CERTIFICATE_INVALID */
  verified = (certificate: Certificate): Certificate => {
    verifyIssued(certificate, this.#authority, this.#clock.now());
    this.#kept.set(certificate.fingerprint, certificate);
    return certificate;
  };
}
