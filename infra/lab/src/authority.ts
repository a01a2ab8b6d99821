/** The certificate authority of a domain, through its program. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemRandom } from '@mom4c/core';
import type { Random, Role } from '@mom4c/core';
import { runVerb, startProgram } from './program.ts';
import type { OnStart } from './server.ts';
import type { TlsFiles } from './server-folder.ts';
import { toYaml } from './yaml.ts';

export type AuthoritySettings = {
  folder: string;
  domain: string;
  scepPort: number;
  adminPort: number;
  directory: { url: string; base: string };
};

export type Authority = {
  /** Makes its key and certificate. @returns its fingerprint */
  init(): Promise<string>;
  /** A server's certificate for these DNS names and 127.0.0.1. */
  serverCertificate(name: string, dns: readonly string[]): Promise<TlsFiles>;
  /** A one-time token. */
  token(name: string, role: Role): Promise<string>;
  serve(onStart: OnStart): Promise<unknown>;
};

const TOKEN_TTL = '1h';
const VALIDITY_DAYS = 30;

/** SCEP (RFC 8894). */
export function authorityUrl(port: number): string {
  return `http://127.0.0.1:${port}/scep`;
}

/** The certificate of the authority of a domain, PEM. @param folder of the domain */
export function authorityFile(folder: string): string {
  return join(serverFolder(join(folder, 'certificate-authority'), 'xmpp'), 'ca.pem');
}

/** @param folder of the authority */
export function serverFolder(folder: string, name: string): string {
  return join(folder, 'servers', name);
}

export function openAuthority(settings: AuthoritySettings, random: Random = systemRandom): Authority {
  const { folder, domain } = settings;
  const config = join(folder, 'config.yaml');
  const call = { program: 'certificate-authority', name: 'certificate-authority', folder } as const;
  const verb = (name: string, ...args: string[]) =>
    runVerb({ ...call, args: [name, '--config', config, ...args] });
  return {
    init() {
      mkdirSync(folder, { mode: 0o700 });
      writePassword(join(folder, 'password'), random);
      writeFileSync(config, toYaml(settingsOf(settings)), { mode: 0o600 });
      return verb('init');
    },
    async serverCertificate(name, dns) {
      const out = serverFolder(folder, name);
      mkdirSync(out, { recursive: true, mode: 0o700 });
      const names = [domain, ...dns, 'localhost'].join(',');
      await verb('server-certificate', '--name', name, '--dns', names, '--ip', '127.0.0.1', '--out', out);
      return { cert: join(out, 'cert.pem'), key: join(out, 'key.pem'), ca: join(out, 'ca.pem') };
    },
    token: (name, role) => verb('token', '--name', name, '--role', role, '--ttl', TOKEN_TTL),
    serve: (onStart) => startProgram({ ...call, args: ['serve', '--config', config], onStart }),
  };
}

/** A random password that nobody needs to know: one line, mode 0600. */
export function writePassword(file: string, random: Random): void {
  const password = Buffer.from(random.bytes(32)).toString('base64url');
  writeFileSync(file, `${password}\n`, { mode: 0o600, flag: 'wx' });
}

function settingsOf({ folder, domain, scepPort, adminPort, directory }: AuthoritySettings) {
  return {
    domain,
    state: join(folder, 'state'),
    keystore: { file: join(folder, 'keystore.p12'), passwordFile: join(folder, 'password') },
    scep: { host: '127.0.0.1', port: scepPort },
    admin: { host: '127.0.0.1', port: adminPort },
    directory,
    validity: { days: VALIDITY_DAYS },
    log: { level: 'info' },
  };
}
