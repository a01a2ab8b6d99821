/** Who may see metrics and health over the network: administrators and monitors of the domain, by certificate. */
import { readFileSync } from 'node:fs';
import { Mom4cError } from '@mom4c/core';
import { readCertificate } from '@mom4c/pki';
import type { Authority } from '@mom4c/pki';
import { readSecret } from '@mom4c/runtime';
import type { HealthSettings, HealthTls } from '@mom4c/runtime';

const ADMITTED: readonly string[] = ['admin', 'monitor'];

/** @throws Mom4cError M4C_CONFIG if the files cannot be read */
export function healthTls({ tls }: Pick<HealthSettings, 'tls'>, authority: Authority): HealthTls | undefined {
  if (!tls) return undefined;
  return {
    ca: authority.pem,
    cert: readPublic(tls.certFile),
    key: readSecret(tls.keyFile),
    admits(der) {
      try {
        return ADMITTED.includes(readCertificate(der).role);
      } catch (error) {
        if (error instanceof Mom4cError) return false;
        throw error;
      }
    },
  };
}

function readPublic(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Mom4cError('M4C_CONFIG', `${path}: cannot be read`, { cause });
  }
}
