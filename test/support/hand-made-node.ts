/** A task executor without a lab's help: a folder, a configuration and a token of its own, and the program by hand. */
import { X509Certificate, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DomainDescription } from '@mom4c/lab';
import { programFile } from '@mom4c/build';
import { startProgram } from './program.ts';
import type { Program, ProgramOptions } from './program.ts';

const TASK_EXECUTOR = programFile('task-executor');

export type HandMadeNode = {
  readonly folder: string;
  /** Paths. */
  readonly config: string;
  readonly keystore: string;
  readonly password: string;
  readonly token: string;
};

/** The line by which it says that it is in the cluster; its agents say as much of themselves, by name. */
export const STARTED = /"pid":\d+,"msg":"started"/;

type Tree = { [key: string]: unknown };

/**
 * Makes its folder, as the administrator of a device would.
 * @param token undefined: no token file
 * @param change deviates from the right configuration
 */
export function makeNode(
  parent: string,
  name: string,
  domain: DomainDescription,
  token: string | undefined,
  change: (settings: Tree) => Tree = (settings) => settings,
): HandMadeNode {
  const folder = join(parent, name);
  mkdirSync(folder, { mode: 0o700 });
  const at = (file: string): string => join(folder, file);
  const settings = {
    domain: domain.name,
    name,
    state: 'state',
    keystore: { file: 'keystore.p12', passwordFile: 'password' },
    tokenFile: 'token',
    authority: { url: domain.scep.url, fingerprint: fingerprintOf(domain.caCertificate) },
    directory: { url: domain.ldap.url, base: domain.ldap.base },
    xmpp: { host: domain.xmpp.host, port: domain.xmpp.port },
  };
  writeFileSync(at('config.yaml'), JSON.stringify(change(settings)));
  writeFileSync(at('password'), `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  if (token !== undefined) writeFileSync(at('token'), `${token}\n`, { mode: 0o600 });
  return {
    folder,
    config: at('config.yaml'),
    keystore: at('keystore.p12'),
    password: at('password'),
    token: at('token'),
  };
}

export function startTaskExecutor(node: HandMadeNode, options: ProgramOptions = {}): Program {
  return startProgram(TASK_EXECUTOR, ['--config', node.config], options);
}

/** SHA-256 over the DER of a certificate in a PEM file, as `openssl x509 -fingerprint -sha256` prints it. */
export function fingerprintOf(file: string): string {
  return new X509Certificate(readFileSync(file)).fingerprint256;
}
