/**
 * Two domains that federate at the level sso, and a third that is played by hand: gamma.test, a partner of alpha.test at the
 * level encrypted, whose authority and certificates the test makes.
 */
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@mom4c/core';
import { startLab } from '@mom4c/lab';
import type { LabDomain } from '@mom4c/lab';
import { createAuthority, issueCertificate, toPem } from '@mom4c/pki';
import { xml } from '@mom4c/xmpp';
import { ANY_SERVER } from './any-server.ts';
import { openClient, stealIdentity } from './hostile-client.ts';
import type { HostileClient } from './hostile-client.ts';
import { openNodeLog } from './node-log.ts';
import type { Mark, NodeLog } from './node-log.ts';
import { auth, connectByHand, connectTlsByHand, header, STARTTLS } from './s2s-by-hand.ts';
import type { PemPair, StreamByHand } from './s2s-by-hand.ts';

export const ALPHA = 'alpha.test';
export const BETA = 'beta.test';
export const GAMMA = 'gamma.test';
/** No partner of anybody. */
export const DELTA = 'delta.test';

export type FederationRange = {
  readonly alpha: LabDomain;
  /** Port for streams of partners. */
  readonly port: number;
  /** Of alpha's gateway. */
  readonly log: NodeLog;
  /** cm1 of alpha. */
  readonly manager: HostileClient;
  /** What partners pin, or what is under the authority that they have given. */
  readonly certificates: Readonly<Record<'alpha' | 'beta' | 'gamma', PemPair>>;
  /** @param changes of gamma's certificate */
  issue(changes?: {
    readonly host?: string;
    readonly validFor?: 'a day' | 'yesterday' | 'tomorrow';
  }): Promise<PemPair>;
  /** Under an authority that nobody knows. */
  issueElsewhere(host: string): Promise<PemPair>;
  down(): Promise<void>;
};

const HOUR = 3_600_000;

/** In a folder of its own, which goes with `down`. The links of alpha and beta are up. */
export async function openFederationRange(): Promise<FederationRange> {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-streams-'));
  // Servers that run under users of their own must get to their folders below.
  chmodSync(folder, 0o711);
  const state = join(folder, 'lab');
  const domains = [ALPHA, BETA];
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const lab = await startLab({ folder: state, domains, server: ANY_SERVER, executors: 0, idp: true }).catch(
    (error: unknown) => {
      remove();
      throw error;
    },
  );
  const down = async (): Promise<void> => {
    await lab.down();
    remove();
  };
  try {
    const alpha = lab.domain(ALPHA);
    const [known, unknown] = await Promise.all([handMadeAuthority(), handMadeAuthority()]);
    const authorityFile = join(folder, 'gamma.pem');
    writeFileSync(authorityFile, known.pem);
    const log = openNodeLog(alpha.gateway.process!.logFile);
    const linkUp = (mark: Mark) => log.next(mark, 'the link to beta', ({ msg }) => msg === 'link up');
    await linkUp(0);
    const mark = log.mark();
    // The gateway starts anew with it.
    await alpha.gateway.addPartner({
      domain: GAMMA,
      level: 'encrypted',
      hosts: [GAMMA],
      settings: { hosts: [GAMMA], address: { host: '127.0.0.1', port: 9 }, authorityFile },
    });
    await linkUp(mark);
    const manager = await openClient(
      alpha,
      await stealIdentity(state, ALPHA, 'nodes/cm1'),
      `cm1@${ALPHA}/streams`,
    );
    return {
      alpha,
      port: alpha.gateway.s2sPort,
      log,
      manager,
      certificates: {
        alpha: gatewayCertificate(state, ALPHA),
        beta: gatewayCertificate(state, BETA),
        gamma: await known.issue(GAMMA, 'a day'),
      },
      issue: ({ host = GAMMA, validFor = 'a day' } = {}) => known.issue(host, validFor),
      issueElsewhere: (host) => unknown.issue(host, 'a day'),
      async down() {
        await manager.stop();
        await down();
      },
    };
  } catch (error) {
    await down();
    throw error;
  }
}

function gatewayCertificate(state: string, domain: string): PemPair {
  const at = (file: string): string =>
    readFileSync(join(state, domain, 'certificate-authority', 'servers', 'federation', file), 'utf8');
  return { cert: at('cert.pem'), key: at('key.pem') };
}

const VALIDITY = {
  'a day': [-HOUR, 24 * HOUR],
  yesterday: [-24 * HOUR, -HOUR],
  tomorrow: [HOUR, 24 * HOUR],
} as const;

async function handMadeAuthority() {
  const made = await createAuthority({
    domain: GAMMA,
    clock: systemClock,
    random: systemRandom,
    validityDays: 2,
  });
  return {
    pem: made.authority.pem,
    async issue(host: string, validFor: keyof typeof VALIDITY): Promise<PemPair> {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const now = systemClock.now();
      const der = await issueCertificate({
        authority: made.authority,
        authorityKey: made.key,
        publicKey,
        name: 'gateway',
        role: 'server',
        domain: GAMMA,
        addresses: [],
        dns: [host],
        notBefore: now + VALIDITY[validFor][0],
        notAfter: now + VALIDITY[validFor][1],
        random: systemRandom,
      });
      return {
        cert: toPem('CERTIFICATE', der),
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      };
    },
  };
}

/** beta.test's stream as far as the features. */
export async function openAsBeta(range: FederationRange, own: PemPair | undefined): Promise<StreamByHand> {
  const stream = await connectTlsByHand(range.port, ALPHA, own);
  stream.send(header({ from: BETA, to: ALPHA }));
  return stream;
}

/** gamma.test by hand, logged in by EXTERNAL over STARTTLS as stock servers do. */
export async function logInAsGamma(
  { port, certificates }: FederationRange,
  own: PemPair = certificates.gamma,
): Promise<StreamByHand> {
  const stream = await connectByHand(port);
  stream.send(header({ from: GAMMA, to: ALPHA }));
  await stream.take(/<\/stream:features>/);
  stream.send(STARTTLS);
  await stream.take(/<proceed/);
  await stream.secure('client', { ...own, servername: ALPHA });
  stream.send(header({ from: GAMMA, to: ALPHA }));
  await stream.take(/<mechanism>EXTERNAL/);
  stream.send(auth('EXTERNAL', Buffer.from(GAMMA).toString('base64')));
  await stream.take(/<success/);
  stream.send(header({ from: GAMMA, to: ALPHA }));
  await stream.take(/<\/stream:features>/);
  return stream;
}

/** Through both gateways and both servers, and back. */
export async function askBeta({ manager }: FederationRange): Promise<void> {
  await manager.session.request(BETA, 'get', xml('ping', { xmlns: 'urn:xmpp:ping' }));
}
