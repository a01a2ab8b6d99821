/** SimpleSAMLphp as the identity provider of a federation: an independent one, on loopback, behind TLS. */
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Mom4cError, isDomain } from '@mom4c/core';
import type { Random } from '@mom4c/core';
import type { IdpLogins } from './idp-log.ts';
import { readLogins } from './idp-log.ts';
import { freePort } from './ports.ts';
import { answersTls } from './readiness.ts';
import { findProgram, packageMissing, prepareServerFolder } from './server-folder.ts';
import type { ServerFolder, TlsFiles } from './server-folder.ts';
import { startServer } from './server.ts';
import type { OnStart, RunningServer } from './server.ts';
import { fillTemplate } from './template.ts';

export type IdpOptions = {
  /** Made if it is not there; an existing one is used again, with its sessions and logs. */
  folder: string;
  /** Name of the federation, e.g. `federation.test`: everybody gets it as the attribute `federation`. */
  federation: string;
  /** Its certificate names 127.0.0.1. */
  tls: TlsFiles;
  /** With these it signs: RSA. */
  keys: IdpKeys;
  accounts: readonly IdpAccount[];
  /** For how long one log-in is good; 8 hours by default. */
  sessionSeconds?: number | undefined;
  /** A free one by default. */
  port?: number | undefined;
  onStart?: OnStart | undefined;
};

/** One for each domain: user and NameID are the domain. The file holds one line, the password. */
export type IdpAccount = { readonly domain: string; readonly passwordFile: string };

export type IdpKey = { readonly key: string; readonly certificate: string };

/** Paths of PEM files. `next` is announced in the metadata, and not used yet. */
export type IdpKeys = { readonly current: IdpKey; readonly next?: IdpKey | undefined };

export type RunningIdp = RunningServer & { logins(): IdpLogins };

const SESSION_SECONDS = 8 * 3600;
const PACKAGE_USER = 'www-data';
const APPLICATION = '/usr/share/simplesamlphp/www';
const SALT_OCTETS = 16;

/** Where it is asked for what. */
export function idpUrls(port: number): { base: string; metadata: string; sso: string; discovery: string } {
  const base = `https://127.0.0.1:${port}/simplesaml/`;
  return {
    base,
    metadata: `${base}saml2/idp/metadata.php`,
    sso: `${base}saml2/idp/SSOService.php`,
    /** SAML "Identity Provider Discovery Service Protocol". */
    discovery: `${base}module.php/saml/disco.php`,
  };
}

/** Not a place in the network, and the same on whichever port it runs. */
export function idpEntityId(federation: string): string {
  return `https://idp.${federation}/idp`;
}

/** @throws Mom4cError M4C_PACKAGE_MISSING, M4C_LAB */
export async function startIdp(options: IdpOptions, random: Random): Promise<RunningIdp> {
  for (const name of [options.federation, ...options.accounts.map(({ domain }) => domain)])
    if (!isDomain(name))
      throw new Mom4cError('M4C_LAB', `not a domain: ${JSON.stringify(name.slice(0, 80))}`);
  const apache = findProgram('apache2', 'apache2-bin');
  if (!existsSync(APPLICATION)) throw packageMissing(APPLICATION, 'simplesamlphp');

  const folder = prepareServerFolder(options.folder, options.tls, PACKAGE_USER);
  for (const name of ['cert', 'config', 'data', 'log', 'metadata', 'run', 'sessions', 'temp'])
    folder.folder(name);
  const port = options.port ?? (await freePort());
  const config = configure(folder, port, options, random);
  writeKeys(folder, options.federation, options.keys);
  const server = await startServer(
    'idp',
    port,
    {
      command: apache,
      args: ['-f', config, '-D', 'FOREGROUND'],
      folder: folder.path,
      env: { PATH: '/usr/bin:/bin', SIMPLESAMLPHP_CONFIG_DIR: join(folder.path, 'config') },
      logFile: join(folder.path, 'output.log'),
      user: folder.user,
      onStart: options.onStart,
    },
    () => answersTls(port, options.tls.ca),
  );
  return { ...server, logins: () => readLogins(idpLog(folder.path)) };
}

/** @param folder of a provider. @returns the file with a line for each answer */
export function idpLog(folder: string): string {
  return join(folder, 'log', 'simplesamlphp.log');
}

/** Signs with `keys.current` from the next request on. */
export function changeKeys(options: Pick<IdpOptions, 'folder' | 'tls' | 'federation' | 'keys'>): void {
  writeKeys(prepareServerFolder(options.folder, options.tls, PACKAGE_USER), options.federation, options.keys);
}

/** Whom it answers, from the next request on. @param aggregate metadata of a federation */
export function changePartners(options: Pick<IdpOptions, 'folder' | 'tls'>, aggregate: string): void {
  const folder = prepareServerFolder(options.folder, options.tls, PACKAGE_USER);
  folder.folder('metadata');
  replace(folder, join('metadata', 'federation.xml'), aggregate);
}

/** @returns the path of the web server's configuration */
function configure(folder: ServerFolder, port: number, options: IdpOptions, random: Random): string {
  const { federation, accounts, sessionSeconds = SESSION_SECONDS } = options;
  const secret = () => Buffer.from(random.bytes(24)).toString('hex');
  const values = {
    FOLDER: folder.path,
    PORT: port,
    URL: idpUrls(port).base,
    SESSION_SECONDS: sessionSeconds,
    SALT: secret(),
    ADMIN_PASSWORD: secret(),
    ACCOUNTS: { text: accounts.map((account) => accountLine(account, federation, random)).join('\n') },
  };
  for (const name of ['config.php', 'authsources.php'])
    folder.write(join('config', name), fillTemplate(`idp/${name}`, values));
  return folder.write(
    'apache2.conf',
    fillTemplate('idp/apache2.conf', {
      FOLDER: folder.path,
      PORT: port,
      HOST: `idp.${federation}`,
      PHP_MODULE: phpModule(),
    }),
  );
}

/** `'alpha.test:{SSHA512}…' => […]`, as authcrypt:Hash has it. The password is random: a slow hash would add nothing. */
function accountLine({ domain, passwordFile }: IdpAccount, federation: string, random: Random): string {
  const salt = random.bytes(SALT_OCTETS);
  const password = readFileSync(passwordFile, 'utf8').trimEnd();
  const digest = createHash('sha512').update(password).update(salt).digest();
  const hash = `{SSHA512}${Buffer.concat([digest, salt]).toString('base64')}`;
  return `        '${domain}:${hash}' => ['uid' => '${domain}', 'federation' => '${federation}', 'assurance' => 'password'],`;
}

function writeKeys(folder: ServerFolder, federation: string, { current, next }: IdpKeys): void {
  // Each has names of its own, so that no request sees the key of one with the certificate of another.
  const write = ({ key, certificate }: IdpKey): string => {
    const pem = readFileSync(certificate);
    const name = createHash('sha256').update(pem).digest('hex').slice(0, 16);
    const certificateFile = join('cert', `${name}.crt`);
    if (existsSync(join(folder.path, certificateFile))) return name;
    folder.write(join('cert', `${name}.key`), readFileSync(key));
    folder.write(certificateFile, pem);
    return name;
  };
  const announced = next && write(next);
  const values = {
    ENTITY_ID: idpEntityId(federation),
    KEY: write(current),
    NEXT_KEY: {
      text: announced
        ? `    'new_privatekey' => '${announced}.key',\n    'new_certificate' => '${announced}.crt',`
        : '',
    },
  };
  const file = join('metadata', 'saml20-idp-hosted.php');
  replace(folder, file, fillTemplate('idp/saml20-idp-hosted.php', values));
}

/** In one step, since requests may come at any time. */
function replace(folder: ServerFolder, name: string, content: string): void {
  renameSync(folder.write(`${name}.new`, content), join(folder.path, name));
}

/** Debian names it after the version of PHP. */
function phpModule(): string {
  const [found] = globSync('/usr/lib/apache2/modules/libphp*.so');
  if (found === undefined) throw packageMissing('libphp', 'libapache2-mod-php');
  return basename(found);
}
