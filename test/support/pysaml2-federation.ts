/** A federation whose identity provider is pysaml2's, with the operator's part as the lab has it for SimpleSAMLphp. */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type FederationSettings, type IdpLogins, until } from '@mom4c/lab';
import { signMetadata } from '@mom4c/saml';
import type { FederationUnderTest } from './agent-range.ts';
import { ask } from './https-ask.ts';
import { createOpensslAuthority } from './openssl-authority.ts';

const PROGRAM = join(import.meta.dirname, '../interop/pysaml2_idp.py');
const NAME = 'federation.test';
const READY_MS = 30_000;

/** Domains log in with a password, or with a certificate of the authority `ca.pem` in the folder above. */
export function openPysaml2Federation(settings: FederationSettings): FederationUnderTest {
  const { folder, domains, idpPort, random, clock } = settings;
  const at = (...names: string[]) => join(folder, ...names);
  const files = { ca: at('ca.pem'), signer: at('signing.pem'), metadata: at('metadata.xml') };
  const keys = { signing: at('signing.key'), idp: at('idp.key') };
  const idp = { entityId: 'https://idp.federation.test/pysaml2', sso: `https://127.0.0.1:${idpPort}/sso` };
  const log: { subject?: string; by?: string; refused?: string }[] = [];
  const account = (domain: string) => ({ domain, passwordFile: at(`${domain}.password`) });

  return {
    name: NAME,
    files,
    idp,
    account,
    logins: () => loginsOf(log),
    async create() {
      mkdirSync(folder, { recursive: true });
      for (const purpose of ['signing', 'idp']) makeRsa(at(`${purpose}.key`), at(`${purpose}.pem`), purpose);
      for (const domain of domains)
        writeFileSync(
          account(domain).passwordFile,
          `${Buffer.from(random.bytes(24)).toString('base64url')}\n`,
        );
      createOpensslAuthority(folder).issue('web', 'DNS:localhost,IP:127.0.0.1');
    },
    async startIdp() {
      const config = at('idp.json');
      const passwordOf = (domain: string) => readFileSync(account(domain).passwordFile, 'utf8').trimEnd();
      const text = JSON.stringify({
        entityId: idp.entityId,
        port: idpPort,
        cert: at('ca-web.pem'),
        key: at('ca-web.key'),
        clientCa: join(dirname(folder), 'ca.pem'),
        signingCert: at('idp.pem'),
        signingKey: keys.idp,
        accounts: Object.fromEntries(domains.map((domain) => [domain, passwordOf(domain)])),
        federation: NAME,
        metadata: files.metadata,
      });
      writeFileSync(config, text, { mode: 0o600 });
      const child = spawn('/usr/bin/python3', [PROGRAM, config], { stdio: ['ignore', 'pipe', 'pipe'] });
      const said = follow(child, log);
      await until(() => child.exitCode !== null || answers(idpPort), READY_MS);
      if (child.exitCode !== null) throw new Error(`pysaml2 ended:\n${said()}`);
      return {
        async stop() {
          if (child.exitCode !== null || child.signalCode !== null) return;
          const end = once(child, 'exit');
          child.kill();
          await end;
        },
      };
    },
    async write(descriptors) {
      const own = await ask(`https://127.0.0.1:${idpPort}/metadata`);
      const text = signMetadata(
        {
          name: NAME,
          id: `_${Buffer.from(random.bytes(16)).toString('hex')}`,
          validUntil: clock.now() + 86_400_000,
          createdAt: clock.now(),
          entities: [own.text.replace(/^<\?xml[^>]*\?>\s*/, ''), ...descriptors],
        },
        { key: readFileSync(keys.signing, 'utf8'), certificate: readFileSync(files.signer, 'utf8') },
      );
      writeFileSync(`${files.metadata}.new`, text);
      renameSync(`${files.metadata}.new`, files.metadata);
    },
  };
}

function makeRsa(key: string, certificate: string, name: string): void {
  const made = ['-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', ...made, '-days', '2', '-subj', `/CN=${name}`], { stdio: 'pipe' });
}

/** Its lines go into the log. @returns what it said besides */
function follow(child: ChildProcess, log: object[]): () => string {
  let rest = '';
  let errors = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) log.push(JSON.parse(line) as object);
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4_000)));
  return () => errors;
}

function answers(port: number): Promise<boolean> {
  return ask(`https://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );
}

/** A log-in by certificate counts as one by password: it is what this domain has to do anew. */
function loginsOf(log: readonly { subject?: string; by?: string; refused?: string }[]): IdpLogins {
  const count = (isCounted: (by: string) => boolean): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { subject, by } of log)
      if (subject !== undefined && by !== undefined && isCounted(by))
        counts[subject] = (counts[subject] ?? 0) + 1;
    return counts;
  };
  return {
    password: count((by) => by !== 'session'),
    session: count((by) => by === 'session'),
    refused: log.filter(({ refused }) => refused !== undefined).length,
  };
}
