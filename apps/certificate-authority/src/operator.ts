/** What the operator of the machine does beside the running service. Everything needs the keystore and its password. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '@mom4c/core';
import { toPem } from '@mom4c/pki';
import { makeAuthority, openAuthority } from './authority-keystore.ts';
import type { CertificateAuthorityConfig } from './config.ts';
import { createGeneration } from './generation.ts';
import { createIssuing } from './issuing.ts';
import { createOrders } from './orders.ts';
import { openStores } from './serve.ts';
import type { TokenWish } from './token-store.ts';

/** @returns the SHA-256 fingerprint that nodes are to pin, hex */
export async function initialise(config: CertificateAuthorityConfig): Promise<string> {
  const { fingerprint } = await makeAuthority(config);
  return fingerprint;
}

export type Operator = {
  /** @returns the token @throws Mom4cError M4C_BAD_ARGUMENTS */
  makeToken(wish: TokenWish): string;
  /** Writes `cert.pem`, `key.pem` (mode 0600) and `ca.pem` to the folder, each as a whole. */
  makeServerCertificate(server: {
    name: string;
    dns: string[];
    ips: string[];
    folder: string;
  }): Promise<void>;
  close(): void;
};

export async function openOperator(config: CertificateAuthorityConfig, log: Log): Promise<Operator> {
  const stores = openStores(config, await openAuthority(config), log);
  const issuing = createIssuing(stores);
  const orders = createOrders({ ...stores, issuing, generation: createGeneration(stores), onChange() {} });
  return {
    makeToken: (wish) => orders.makeToken(wish, 'operator').token,
    async makeServerCertificate(server) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const certificate = await issuing.issueServer({ ...server, publicKey });
      const at = (name: string): string => join(server.folder, name);
      mkdirSync(server.folder, { recursive: true, mode: 0o700 });
      write(at('key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600);
      write(at('cert.pem'), toPem('CERTIFICATE', certificate.der), 0o644);
      write(at('ca.pem'), stores.authority.pem, 0o644);
    },
    close: () => stores.database.close(),
  };
}

function write(file: string, content: string, mode: number): void {
  const temporary = `${file}.new`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, content, { mode, flag: 'wx' });
  renameSync(temporary, file);
}
