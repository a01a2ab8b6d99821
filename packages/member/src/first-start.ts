/**
 * From nothing to an identity: account, certificate, keystore. A later start only opens the keystore.
 *
 * INVARIANTS:
 * - A token is spent only when the keystore can be written. The key that it is spent on is kept until the keystore is
 *   there: an answer of the authority that is lost on its way, or a crash before it is written, costs nothing, since the
 *   next start sends the same request again and gets the same certificate, as long as the token has not expired.
 * - A node without a token asks for nothing unless it is configured to wait for approval; then it waits until it is stopped.
 * - The RSA key that enrolled is gone once the P-256 key has been obtained. Until then every start tries again, and the
 *   node works under RSA where the authority is down or refuses.
 * - An identity is used only if it names this node, in this domain, and was issued by the pinned authority.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { KeyObject } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Mom4cError, jitteredBackoff, pause } from '@mom4c/core';
import type { Clock, ErrorCode, Log, Random, Role } from '@mom4c/core';
import {
  enroll,
  fetchAuthority,
  keyFingerprint,
  makeEnrolmentKey,
  pollEnrolment,
  readEnrolmentKey,
  readKeystore,
  renew,
  toPem,
  verifyIssued,
  writeEnrolmentKey,
  writeKeystore,
} from '@mom4c/pki';
import type { Authority, EnrolRequest, Identity, Keystore } from '@mom4c/pki';
import { readSecret } from '@mom4c/runtime';
import { registerAccount } from '@mom4c/xmpp';
import type { MemberSettings } from './settings.ts';

export type Surroundings = {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export type Enrolled = { readonly identity: Identity; readonly authority: Authority };

/**
 * @throws Mom4cError M4C_NO_TOKEN, M4C_TOKEN_INVALID, M4C_TOKEN_EXPIRED, M4C_ENROLMENT_REJECTED, M4C_CA_*,
 * M4C_KEYSTORE_*, M4C_CERTIFICATE_*, M4C_REGISTRATION, M4C_TLS, M4C_CONFIG; M4C_XMPP_UNREACHABLE only once `signal` has fired
 */
export async function ensureIdentity(
  settings: MemberSettings,
  role: Role,
  around: Surroundings,
): Promise<Enrolled> {
  const password = readSecret(settings.keystore.passwordFile);
  const { key, certificate, authority } = existsSync(settings.keystore.file)
    ? await readKeystore(settings.keystore.file, password)
    : await firstEnrolment(settings, role, password, around);
  checkIdentity(settings, role, { identity: { key, certificate }, authority }, around.clock.now());
  if (key.asymmetricKeyType === 'ec') return { identity: { key, certificate }, authority };
  return moveToP256(settings, { identity: { key, certificate }, authority }, password, around);
}

const PROBE_OCTETS = 16_384;

async function firstEnrolment(
  settings: MemberSettings,
  role: Role,
  password: string,
  around: Surroundings,
): Promise<Keystore> {
  const { tokenFile } = settings;
  const token = readToken(settings);
  prepareFolder(settings.keystore.file);
  const authority = await fetchAuthority({ ...settings.authority, signal: around.signal });
  const key = await ensureEnrolmentKey(settings, authority, password);
  const { url } = settings.authority;
  const request = { ...settings, url, authority, role, key, token, ...around };
  // Who waits for approval does not know yet whether the name is his.
  if (token !== undefined) await makeAccount(settings, authority, around);
  const { certificate } = token === undefined ? await awaitApproval(request) : await enroll(request);
  if (token === undefined) await makeAccount(settings, authority, around);
  const keystore = { key, certificate, authority };
  await writeKeystore(settings.keystore.file, keystore, password);
  if (tokenFile !== undefined) await rm(tokenFile, { force: true });
  await rm(enrolmentKeyFile(settings), { force: true });
  around.log.info({ member: settings.name, role, serial: certificate.serial }, 'enrolled');
  return keystore;
}

/** @throws Mom4cError M4C_NO_TOKEN */
function readToken({ tokenFile, enrolment }: MemberSettings): string | undefined {
  if (tokenFile !== undefined && existsSync(tokenFile)) return readSecret(tokenFile);
  if (enrolment === 'approval') return undefined;
  throw new Mom4cError('M4C_NO_TOKEN');
}

function enrolmentKeyFile({ keystore }: MemberSettings): string {
  return `${keystore.file}.enrolment`;
}

/** The key of an enrolment that was begun before, or a new one that survives this process. */
async function ensureEnrolmentKey(
  settings: MemberSettings,
  authority: Authority,
  password: string,
): Promise<KeyObject> {
  const file = enrolmentKeyFile(settings);
  if (existsSync(file)) return readEnrolmentKey(file, password);
  const key = await makeEnrolmentKey();
  await writeEnrolmentKey(file, { key, authority }, password);
  return key;
}

const POLL = { baseMs: 1_000, capMs: 60_000 };
/** Pass by themselves: the decision, the outage of the authority, the places of its list that others have taken. */
const WAITED_FOR: readonly ErrorCode[] = ['M4C_ENROLMENT_PENDING', 'M4C_CA_UNREACHABLE', 'M4C_BUSY'];

/** Asks until a person has decided, or the node is stopped. */
async function awaitApproval(request: EnrolRequest & Surroundings): Promise<Identity> {
  const { clock, random, log, signal } = request;
  const backoff = jitteredBackoff({ ...POLL, random });
  let ask: (request: EnrolRequest) => Promise<Identity> = enroll;
  for (;;) {
    try {
      return await ask(request);
    } catch (thrown) {
      if (signal.aborted || !(thrown instanceof Mom4cError) || !WAITED_FOR.includes(thrown.code))
        throw thrown;
      const { code } = thrown;
      if (code === 'M4C_ENROLMENT_PENDING' && ask === enroll) {
        log.warn({ code, keyFingerprint: keyFingerprint(request.key) }, 'waiting for approval');
        ask = pollEnrolment;
      }
    }
    await pause(backoff.next(), clock, signal);
  }
}

/** Writes and deletes a file: modes tell nothing of a file system that is full or mounted read-only.
 *  @throws Mom4cError M4C_CONFIG */
function prepareFolder(keystore: string): void {
  const probe = `${keystore}.probe`;
  try {
    mkdirSync(dirname(keystore), { recursive: true, mode: 0o700 });
    try {
      // As large as a keystore, so that a full disk shows.
      writeFileSync(probe, Buffer.alloc(PROBE_OCTETS), { mode: 0o600, flush: true });
    } finally {
      rmSync(probe, { force: true });
    }
  } catch (cause) {
    throw new Mom4cError('M4C_CONFIG', `keystore.file: ${keystore} cannot be written`, { cause });
  }
}

/** Where the certificate logs in, the password is thrown away at once. Where a password does, the operator may have made
 *  the account with it before, on a server that registers nobody. */
async function makeAccount(
  settings: MemberSettings,
  authority: Authority,
  around: Surroundings,
): Promise<void> {
  const { domain, name, xmpp } = settings;
  const own = xmpp.passwordFile === undefined ? undefined : readSecret(xmpp.passwordFile);
  const password = own ?? Buffer.from(around.random.bytes(24)).toString('base64url');
  const account = {
    ...xmpp,
    domain,
    tls: { ca: authority.pem },
    username: name,
    password,
    signal: around.signal,
  };
  const address = `${name}@${domain}`;
  try {
    const made = await untilReachable(() => registerAccount({ ...account, log: around.log }), around);
    around.log.info({ address, account: made }, 'registered');
  } catch (error) {
    const mayExist = own !== undefined && error instanceof Mom4cError && error.code === 'M4C_REGISTRATION';
    if (!mayExist) throw error;
    around.log.info(
      { address, detail: error.detail },
      'not registered; counting on an account that is there',
    );
  }
}

const RETRY = { baseMs: 500, capMs: 30_000 };

/** A node may be switched on before its server is: it keeps trying, as it does at every later start, until it is
 *  stopped. One log line per outage. */
async function untilReachable<T>(
  attempt: () => Promise<T>,
  { clock, random, log, signal }: Surroundings,
): Promise<T> {
  const backoff = jitteredBackoff({ ...RETRY, random });
  for (let reported = false; ; reported = true) {
    try {
      return await attempt();
    } catch (thrown) {
      const passes = thrown instanceof Mom4cError && thrown.code === 'M4C_XMPP_UNREACHABLE';
      if (!passes || signal.aborted) throw thrown;
      const { code, detail } = thrown;
      if (!reported) log.warn({ code, detail }, 'no registration yet, trying on');
    }
    await pause(backoff.next(), clock, signal);
  }
}

const FORGIVEN: readonly ErrorCode[] = ['M4C_CA_REFUSED', 'M4C_CA_UNREACHABLE'];

/** An authority that is down or issues no P-256 leaves the node with its RSA identity, which serves as well, only
 *  slower; the next start tries again. */
async function moveToP256(
  settings: MemberSettings,
  enrolled: Enrolled,
  password: string,
  around: Surroundings,
): Promise<Enrolled> {
  const { authority } = enrolled;
  try {
    const identity = await renew({ url: settings.authority.url, ...enrolled, ...around });
    await writeKeystore(settings.keystore.file, { ...identity, authority }, password);
    around.log.info({ serial: identity.certificate.serial }, 'renewed under a P-256 key');
    return { identity, authority };
  } catch (error) {
    const isForgiven = error instanceof Mom4cError && FORGIVEN.includes(error.code);
    // A request that the stop of the process broke off looks like an authority that is down.
    if (!isForgiven || around.signal.aborted) throw error;
    const { code, detail } = error;
    around.log.warn({ code, detail }, 'no P-256 certificate; staying with RSA until the next start');
    return enrolled;
  }
}

function checkIdentity(
  settings: MemberSettings,
  role: Role,
  { identity, authority }: Enrolled,
  now: number,
): void {
  const { certificate } = identity;
  const { name, domain } = settings;
  if (certificate.name !== name || certificate.domain !== domain || certificate.role !== role) {
    const has = `${certificate.name} (${certificate.role}) of ${certificate.domain}`;
    throw new Mom4cError(
      'M4C_CERTIFICATE_NAME',
      `the keystore belongs to ${has}, not to ${name} (${role}) of ${domain}`,
    );
  }
  if (authority.fingerprint !== settings.authority.fingerprint)
    throw new Mom4cError(
      'M4C_CA_NOT_TRUSTED',
      `the keystore comes from the authority ${authority.fingerprint}`,
    );
  verifyIssued(certificate, authority, now);
}

/** PEM, as TLS connections want it. */
export function tlsOf({ identity, authority }: Enrolled): { ca: string; cert: string; key: string } {
  return {
    ca: authority.pem,
    cert: toPem('CERTIFICATE', identity.certificate.der),
    key: identity.key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
