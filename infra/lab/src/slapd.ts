import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Mom4cError, isDomain } from '@mom4c/core';
import { freePort, LOOPBACK } from './ports.ts';
import { answersTls } from './readiness.ts';
import { findProgram, prepareServerFolder } from './server-folder.ts';
import type { ServerFolder, TlsFiles } from './server-folder.ts';
import { startServer } from './server.ts';
import type { OnStart, RunningServer } from './server.ts';
import { fillTemplate } from './template.ts';

export type SlapdOptions = {
  /** Made if it is not there; an existing one is used again, with its entries. */
  folder: string;
  /** O in the certificate subject `CN=ca, OU=ca, O=<domain>` of the one that may write. */
  domain: string;
  /** `dc=alpha,dc=test`; `directoryBase(domain)` by default. */
  base?: string | undefined;
  tls: TlsFiles;
  /** Where it listens; 127.0.0.1 by default. */
  host?: string | undefined;
  /** A free one by default. */
  port?: number | undefined;
  onStart?: OnStart | undefined;
};

/** `alpha.test` → `dc=alpha,dc=test` (RFC 2247). */
export function directoryBase(domain: string): string {
  return domain
    .split('.')
    .map((label) => `dc=${label}`)
    .join(',');
}

/**
 * A directory (ldaps://) for holders of a certificate of our authority, where only the authority writes.
 * @throws Mom4cError M4C_PACKAGE_MISSING, M4C_LAB
 */
export async function startSlapd(options: SlapdOptions): Promise<RunningServer> {
  const { domain, base = directoryBase(options.domain), host = LOOPBACK } = options;
  if (!isDomain(domain))
    throw new Mom4cError('M4C_LAB', `not a domain: ${JSON.stringify(domain.slice(0, 80))}`);
  const slapd = findProgram('slapd', 'slapd');
  const slapadd = findProgram('slapadd', 'slapd');

  const folder = prepareServerFolder(options.folder, options.tls, 'openldap');
  const values = {
    BASE: { text: base },
    BASE_CLASSES: { text: baseClasses(base) },
    FOLDER: folder.path,
    DOMAIN_REGEXP: { text: domain.replaceAll('.', '[.]') },
  };
  const config = folder.write('slapd.conf', fillTemplate('slapd.conf', values));
  if (!existsSync(join(folder.path, 'data')))
    await load(slapadd, folder, config, fillTemplate('tree.ldif', values));

  const port = options.port ?? (await freePort());
  return startServer(
    'slapd',
    port,
    {
      command: slapd,
      // With -d it stays in the foreground and writes its log to standard error.
      args: ['-f', config, '-h', `ldaps://${host}:${port}/`, '-d', 'stats'],
      folder: folder.path,
      env: { PATH: '/usr/bin:/bin' },
      logFile: join(folder.path, 'output.log'),
      user: folder.user,
      onStart: options.onStart,
    },
    () => answersTls(port, options.tls.ca, host),
  );
}

async function load(slapadd: string, folder: ServerFolder, config: string, tree: string): Promise<void> {
  const data = folder.folder('data');
  const file = folder.write('tree.ldif', tree);
  const options = { cwd: folder.path, env: {}, timeout: 30_000, ...folder.user };
  try {
    await promisify(execFile)(slapadd, ['-f', config, '-l', file], options);
  } catch (cause) {
    // Half a tree would be taken for a whole one at the next start.
    rmSync(data, { recursive: true, force: true });
    const { stderr = '' } = cause as { stderr?: string };
    throw new Mom4cError('M4C_LAB', `slapadd cannot load ${file}: ${stderr.slice(-300)}`, { cause });
  }
}

/** @throws Mom4cError M4C_LAB */
function baseClasses(base: string): string {
  const [, label] = /^dc=([a-z0-9-]+)(?:,dc=[a-z0-9-]+)*$/.exec(base) ?? [];
  if (label === undefined)
    throw new Mom4cError(
      'M4C_LAB',
      `not a base such as dc=alpha,dc=test: ${JSON.stringify(base.slice(0, 80))}`,
    );
  return `objectClass: dcObject\nobjectClass: organization\ndc: ${label}\no: ${label}`;
}
