/**
 * The operator of a federation in a lab: an authority, the keys and accounts of the identity provider, and the signed
 * metadata of all. Everything is in one folder:
 *   ca.pem        who has issued the TLS certificate of the identity provider
 *   signer.pem    certificate with which the metadata are checked
 *   metadata.xml  the signed metadata, replaced in one step
 *   accounts/     the password of each domain at the identity provider
 *   operator/     what only the operator needs: keys, and the descriptors as handed in
 *   idp/          the identity provider
 */
import { createPrivateKey, generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Mom4cError } from '@mom4c/core';
import type { Clock, Random } from '@mom4c/core';
import { createAuthority, fromPem, issueCertificate, readAuthority, toPem } from '@mom4c/pki';
import { signMetadata } from '@mom4c/saml';
import { writePassword } from './authority.ts';
import { changeKeys, changePartners, idpEntityId, idpLog, idpUrls, startIdp } from './idp.ts';
import type { IdpAccount, IdpKey, IdpKeys, IdpOptions, RunningIdp } from './idp.ts';
import { readLogins } from './idp-log.ts';
import type { IdpLogins } from './idp-log.ts';
import type { OnStart } from './server.ts';

export type FederationSettings = {
  /** Made by `create`; others may pass through it, to their own files. */
  folder: string;
  /** Each has an account at the identity provider. */
  domains: readonly string[];
  idpPort: number;
  /** `federation.test` by default. */
  name?: string | undefined;
  /** For how long a log-in at the identity provider is good; 8 hours by default. */
  sessionSeconds?: number | undefined;
  /** Log-ins go by way of a discovery service, where the user chooses the identity provider; false by default. */
  discovery?: boolean | undefined;
  random: Random;
  clock: Pick<Clock, 'now'>;
};

export type Federation = {
  readonly name: string;
  /** Paths of PEM files and of the metadata. */
  readonly files: { readonly ca: string; readonly signer: string; readonly metadata: string };
  readonly idp: ReturnType<typeof idpUrls> & { readonly entityId: string };
  account(domain: string): IdpAccount;
  /** Makes keys, certificates and passwords, once. */
  create(): Promise<void>;
  startIdp(onStart?: OnStart): Promise<RunningIdp>;
  /** Path of the log of the identity provider. */
  readonly idpLog: string;
  /** Since the federation was made. */
  logins(): IdpLogins;
  /** Signs these (EntityDescriptors) and that of the identity provider, which must run; a domain that is left out is a
   *  member no longer. */
  write(descriptors: readonly string[]): Promise<void>;
  /** The next key of the identity provider comes into the metadata; assertions are signed with the current one. */
  announceKey(): Promise<void>;
  /** The announced key signs from now on, and the former one leaves the metadata. */
  changeKey(): Promise<void>;
};

const DEFAULT_NAME = 'federation.test';
const DAY = 86_400_000;
const AUTHORITY_DAYS = 30;
const METADATA_DAYS = 7;
const FETCH_MS = 10_000;
const MAX_DESCRIPTOR = 65_536;
const generate = promisify(generateKeyPair);

export function openFederation(settings: FederationSettings): Federation {
  const { folder, domains, random, clock, name = DEFAULT_NAME } = settings;
  const at = (...names: string[]) => join(folder, ...names);
  const files = { ca: at('ca.pem'), signer: at('signer.pem'), metadata: at('metadata.xml') };
  const authorityKey = at('operator', 'ca.key');
  const idp = { ...idpUrls(settings.idpPort), entityId: idpEntityId(name) };
  const account = (domain: string): IdpAccount => ({ domain, passwordFile: at('accounts', domain) });
  const pair = (purpose: string): IdpKey => ({
    key: at('operator', `${purpose}.key`),
    certificate: at('operator', `${purpose}.pem`),
  });
  const keys = (): IdpKeys => ({
    current: pair('idp-signing'),
    next: existsSync(pair('idp-signing-next').certificate) ? pair('idp-signing-next') : undefined,
  });
  const idpOptions = (): IdpOptions => ({
    folder: at('idp'),
    federation: name,
    tls: { cert: pair('idp-tls').certificate, key: pair('idp-tls').key, ca: files.ca },
    keys: keys(),
    accounts: domains.map(account),
    sessionSeconds: settings.sessionSeconds,
    port: settings.idpPort,
  });

  /** An RSA key and its certificate, for a server of this name. */
  const issue = async (purpose: string, host: string): Promise<void> => {
    const { publicKey, privateKey } = await generate('rsa', { modulusLength: 2048 });
    const now = clock.now();
    const der = await issueCertificate({
      authority: readAuthority(fromPem('CERTIFICATE', readFileSync(files.ca, 'utf8'))),
      authorityKey: createPrivateKey(readFileSync(authorityKey)),
      publicKey,
      name: purpose,
      role: 'server',
      domain: name,
      addresses: [],
      dns: [host, 'localhost'],
      ips: ['127.0.0.1'],
      notBefore: now - DAY / 24,
      notAfter: now + (AUTHORITY_DAYS - 1) * DAY,
      random,
    });
    const { key, certificate } = pair(purpose);
    writeFileSync(key, pemOf(privateKey), { mode: 0o600, flag: 'wx' });
    writeFileSync(certificate, toPem('CERTIFICATE', der), { mode: 0o600, flag: 'wx' });
  };

  const descriptors = (): string[] =>
    readdirSync(at('operator', 'descriptors'))
      .toSorted()
      .map((file) => readFileSync(at('operator', 'descriptors', file), 'utf8'));

  const publish = async (): Promise<void> => {
    const signer = pair('metadata-signing');
    const text = signMetadata(
      {
        name,
        id: `_${Buffer.from(random.bytes(16)).toString('hex')}`,
        validUntil: clock.now() + METADATA_DAYS * DAY,
        createdAt: clock.now(),
        discovery: settings.discovery ? discoveryUrl(idp) : undefined,
        entities: [await fetchDescriptor(idp.metadata, files.ca), ...descriptors()],
      },
      { key: readFileSync(signer.key, 'utf8'), certificate: readFileSync(signer.certificate, 'utf8') },
    );
    changePartners(idpOptions(), text);
    writeFileSync(`${files.metadata}.new`, text, { mode: 0o644 });
    renameSync(`${files.metadata}.new`, files.metadata);
  };

  return {
    name,
    files,
    idp,
    account,
    async create() {
      for (const sub of ['operator', 'operator/descriptors', 'accounts'])
        mkdirSync(at(sub), { recursive: true, mode: 0o700 });
      for (const domain of domains) writePassword(account(domain).passwordFile, random);
      const made = await createAuthority({ domain: name, clock, random, validityDays: AUTHORITY_DAYS });
      writeFileSync(authorityKey, pemOf(made.key), { mode: 0o600, flag: 'wx' });
      writeFileSync(files.ca, made.authority.pem, { mode: 0o644, flag: 'wx' });
      const certificates = { 'idp-tls': 'idp', 'idp-signing': 'idp', 'metadata-signing': 'metadata' };
      for (const [purpose, host] of Object.entries(certificates)) await issue(purpose, `${host}.${name}`);
      writeFileSync(files.signer, readFileSync(pair('metadata-signing').certificate), {
        mode: 0o644,
        flag: 'wx',
      });
    },
    startIdp: (onStart) => startIdp({ ...idpOptions(), onStart }, random),
    idpLog: idpLog(at('idp')),
    logins: () => readLogins(idpLog(at('idp'))),
    async write(given) {
      const own = at('operator', 'descriptors');
      rmSync(own, { recursive: true, force: true });
      mkdirSync(own, { mode: 0o700 });
      for (const [index, text] of given.entries())
        writeFileSync(join(own, `${String(index).padStart(4, '0')}.xml`), withoutDeclaration(text), {
          mode: 0o600,
        });
      await publish();
    },
    async announceKey() {
      if (keys().next) throw new Mom4cError('M4C_LAB', 'the next key is announced already');
      await issue('idp-signing-next', `idp.${name}`);
      changeKeys(idpOptions());
      await publish();
    },
    async changeKey() {
      const { current, next } = keys();
      if (!next) throw new Mom4cError('M4C_LAB', 'announce the next key first');
      renameSync(next.key, current.key);
      renameSync(next.certificate, current.certificate);
      changeKeys(idpOptions());
      await publish();
    },
  };
}

/** From the provider itself, as an operator does it. @throws Mom4cError M4C_LAB */
function fetchDescriptor(url: string, caFile: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: unknown) =>
      reject(new Mom4cError('M4C_LAB', `the identity provider gives no metadata: ${reason}`, { cause }));
    const options = { ca: readFileSync(caFile), agent: false, signal: AbortSignal.timeout(FETCH_MS) };
    const asked = request(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_DESCRIPTOR) asked.destroy(new Error('too long'));
      });
      response.on('error', (cause) => fail(cause.message, cause));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(withoutDeclaration(text));
        else fail(`status ${response.statusCode}`);
      });
    });
    asked.on('error', (cause) => fail(cause.message, cause));
    asked.end();
  });
}

/** With the one choice there is, so that it needs nobody who looks at its page. */
function discoveryUrl({ discovery, entityId }: Federation['idp']): string {
  return `${discovery}?IDPList%5B%5D=${encodeURIComponent(entityId)}`;
}

function withoutDeclaration(text: string): string {
  return text.replace(/^<\?xml [^<>]{0,100}\?>\s*/, '').trim();
}

function pemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}
