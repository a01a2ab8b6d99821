/** For tests only: certificates of servers, made by the openssl command. */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import type { PeerCertificate, S2sCredentials, S2sPolicy } from './s2s.ts';

const made = new Map<string, S2sCredentials>();

/** Self-signed, the same at each call. */
export function certificateFor(host: string): S2sCredentials {
  const known = made.get(host);
  if (known) return known;
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-test-'));
  try {
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    const options = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', ...options, '-subj', `/CN=${host}`, '-keyout', key, '-out', cert], {
      stdio: 'pipe',
    });
    const fresh = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    made.set(host, fresh);
    return fresh;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** As a policy verifies: the certificate of the host, to the octet. */
export function pinned(peer: PeerCertificate | undefined, host: string): void {
  const right = new X509Certificate(certificateFor(host).cert).raw;
  if (!peer || !right.equals(peer.der)) throw new Mom4cError('M4C_PARTNER_CERTIFICATE', host);
}

/** The four levels, as a gateway makes policies of them. */
export const SSO: S2sPolicy = {
  tls: 'direct',
  minVersion: 'TLSv1.3',
  verify: pinned,
  authentication: 'SAML20',
};
export const ENCRYPTED: S2sPolicy = {
  tls: 'either',
  minVersion: 'TLSv1.2',
  verify: pinned,
  authentication: 'EXTERNAL',
};
export const VERIFIED: S2sPolicy = {
  tls: 'opportunistic',
  minVersion: 'TLSv1.2',
  verify: undefined,
  authentication: 'dialback',
};
export const PERMISSIVE: S2sPolicy = { ...VERIFIED, authentication: 'none' };
