/** The certificate authority of a domain, through its program. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Mom4cError, systemRandom } from '@mom4c/core';
import type { Random, Role } from '@mom4c/core';
import { LOOPBACK } from './ports.ts';
import { runVerb, startProgram } from './program.ts';
import type { OnStart } from './server.ts';
import { toYaml } from './yaml.ts';

export type AuthoritySettings = {
  folder: string;
  domain: string;
  /** Where it listens, for SCEP and for orders. */
  host: string;
  scepPort: number;
  adminPort: number;
  directory: { url: string; base: string };
};

/** Of a new domain. */
export type Beginning = {
  /** Servers by the name of their certificate; each for these names beside the domain, and addresses beside loopback. */
  servers: Readonly<Record<string, { dns?: readonly string[]; ips?: readonly string[] }>>;
  /** Who gets a one-time token, by name. */
  members: Readonly<Record<string, Role>>;
};

export type Authority = {
  /** Makes its key and certificate, and what a new domain needs of it. @returns its fingerprint, and the tokens by name */
  create(beginning: Beginning): Promise<{ fingerprint: string; tokens: ReadonlyMap<string, string> }>;
  /** A one-time token. */
  token(name: string, role: Role): Promise<string>;
  serve(onStart: OnStart): Promise<unknown>;
};

const TOKEN_TTL = '1h';
const VALIDITY_DAYS = 30;

/** SCEP (RFC 8894). */
export function authorityUrl(host: string, port: number): string {
  return `http://${host}:${port}/scep`;
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
  /** Several in one process, since its start takes longer than any verb. @returns the lines that they print */
  const run = (orders: readonly (readonly string[])[]): Promise<string[]> => {
    const lines = orders.map((order) => `${JSON.stringify(order)}\n`);
    return runVerb({ ...call, args: ['batch', '--config', config] }, lines.join(''));
  };
  const token = (name: string, role: Role) => ['token', '--name', name, '--role', role, '--ttl', TOKEN_TTL];
  const serverCertificate = (name: string, { dns = [], ips = [] }: Beginning['servers'][string]) => {
    const out = serverFolder(folder, name);
    mkdirSync(out, { recursive: true, mode: 0o700 });
    const names = [domain, ...dns, 'localhost'].join(',');
    const addresses = [...new Set([LOOPBACK, ...ips])].join(',');
    return ['server-certificate', '--name', name, '--dns', names, '--ip', addresses, '--out', out];
  };
  return {
    async create({ servers, members }) {
      mkdirSync(folder, { mode: 0o700 });
      writePassword(join(folder, 'password'), random);
      writeFileSync(config, toYaml(settingsOf(settings)), { mode: 0o600 });
      const [fingerprint, ...tokens] = await run([
        ['init'],
        ...Object.entries(servers).map(([name, names]) => serverCertificate(name, names)),
        ...Object.entries(members).map(([name, role]) => token(name, role)),
      ]);
      const names = Object.keys(members);
      if (fingerprint === undefined || tokens.length !== names.length)
        throw new Mom4cError('M4C_LAB', `the authority of ${domain} has not printed all that it should`);
      return { fingerprint, tokens: new Map(names.map((name, index) => [name, tokens[index]!])) };
    },
    token: async (name, role) => (await run([token(name, role)]))[0] ?? '',
    serve: (onStart) => startProgram({ ...call, args: ['serve', '--config', config], onStart }),
  };
}

/** A random password that nobody needs to know: one line, mode 0600. */
export function writePassword(file: string, random: Random): void {
  const password = Buffer.from(random.bytes(32)).toString('base64url');
  writeFileSync(file, `${password}\n`, { mode: 0o600, flag: 'wx' });
}

function settingsOf({ folder, domain, host, scepPort, adminPort, directory }: AuthoritySettings) {
  return {
    domain,
    state: join(folder, 'state'),
    keystore: { file: join(folder, 'keystore.p12'), passwordFile: join(folder, 'password') },
    scep: { host, port: scepPort },
    admin: { host, port: adminPort },
    directory,
    validity: { days: VALIDITY_DAYS },
    log: { level: 'info' },
  };
}
