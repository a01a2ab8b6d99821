/**
 * A member of a domain: an identity, the directory, a postbox, and sessions at the XMPP server. Apps add what they are
 * for. This is the one place that combines pki, messaging and xmpp.
 */
import { join } from 'node:path';
import { Mom4cError, asMom4cError, pause, uuidv7 } from '@mom4c/core';
import type { BareJid, Certificate, CertificateDirectory, Role, Signer, Uuid, Verifier } from '@mom4c/core';
import { Freshness, Postbox, SessionKeyRing } from '@mom4c/messaging';
import { createLdapDirectory, createOpener, createSealer, createSigner, createVerifier } from '@mom4c/pki';
import type { Authority, LdapDirectory } from '@mom4c/pki';
import { readSecret } from '@mom4c/runtime';
import { connect, keepSpare } from '@mom4c/xmpp';
import type { Silence, Spare, XmppSession } from '@mom4c/xmpp';
import { Activity } from './activity.ts';
import { ensureIdentity, tlsOf } from './first-start.ts';
import type { Enrolled, Surroundings } from './first-start.ts';
import { openFloorFile } from './floor-file.ts';
import { clusterRoom, serviceAddress } from './settings.ts';
import type { MemberSettings } from './settings.ts';

export type Member = Surroundings & {
  readonly settings: MemberSettings;
  readonly certificate: Certificate;
  readonly authority: Authority;
  /** PEM of authority, own certificate and key, for connections to the domain's servers. */
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly address: BareJid;
  /** `cm@D` */
  readonly service: BareJid;
  /** `cluster@conference.D` */
  readonly room: BareJid;
  readonly directory: CertificateDirectory;
  readonly activity: Activity;
  readonly postbox: Postbox;
  /** For what is signed and is no letter. */
  readonly signer: Signer;
  readonly verifier: Verifier;
  /** Session keys that may open what arrives; see messaging. */
  readonly keys: SessionKeyRing;
  readonly newId: () => Uuid;
  /** What was thrown as an error of the catalogue; a bug goes to the log, whole, with its correlation id and `fields`. */
  readonly errorOf: (thrown: unknown, fields?: object) => Mom4cError;
  /** A session of one of the own addresses, the member's where none is named; `start` it. */
  readonly session: (resource: string, options?: SessionOptions) => XmppSession;
  /** For a session of this resource and address: begins to log in ahead of it. */
  readonly spare: (resource: string, address: BareJid) => Spare;
};

export type SessionOptions = {
  readonly address?: BareJid;
  /** What is made of a server that says nothing. */
  readonly silence?: Silence;
  /** Of the same resource and address. */
  readonly spare?: Spare;
};

/** Called with a name and a function for each thing that must be closed when the process stops. */
export type OnStop = (name: string, stop: () => void | Promise<void>) => void;

/** From its first start on. @throws Mom4cError what `ensureIdentity` throws; M4C_NOT_PUBLISHED, M4C_DIRECTORY_UNREACHABLE */
export async function startMember(
  settings: MemberSettings,
  role: Role,
  around: Surroundings,
  onStop: OnStop,
): Promise<Member> {
  return openMember(settings, await ensureIdentity(settings, role, around), around, onStop);
}

/** With an identity in hand. @throws Mom4cError M4C_NOT_PUBLISHED, M4C_DIRECTORY_UNREACHABLE */
export async function openMember(
  settings: MemberSettings,
  enrolled: Enrolled,
  around: Surroundings,
  onStop: OnStop,
): Promise<Member> {
  const { identity, authority } = enrolled;
  const { clock, random, log } = around;
  const directory = createLdapDirectory({ ...settings.directory, authority, identity, clock, log });
  onStop('directory', () => directory.close());
  await waitUntilPublished(directory, identity.certificate, around);
  const floor = openFloorFile(join(settings.state, 'time-floor'), clock);
  onStop('time floor', () => floor.close());
  const keys = new SessionKeyRing();
  const activity = new Activity(directory);
  const signer = activity.signer(createSigner(identity));
  const verifier = activity.verifier(createVerifier({ directory, authority, clock }));
  const postbox = new Postbox({
    signer,
    verifier,
    sealer: activity.sealer(createSealer(random, clock)),
    opener: activity.opener(createOpener(identity)),
    freshness: new Freshness(clock, floor),
    findKey: keys.find,
  });
  const { domain, name, xmpp } = settings;
  const tls = tlsOf(enrolled);
  const password = xmpp.passwordFile === undefined ? undefined : readSecret(xmpp.passwordFile);
  const address = `${name}@${domain}`;
  const newId = (): Uuid => uuidv7(clock, random);
  const account = { ...xmpp, domain, tls, password, log, clock, random };
  return {
    ...around,
    settings,
    certificate: identity.certificate,
    authority,
    tls,
    address,
    service: serviceAddress(domain),
    room: clusterRoom(settings),
    directory,
    activity,
    postbox,
    signer,
    verifier,
    keys,
    newId,
    errorOf: (thrown, fields) =>
      asMom4cError(thrown, newId, (bug, correlation) =>
        log.error({ err: bug, correlation, ...fields }, 'bug'),
      ),
    session: (resource, { address: as = address, ...options } = {}) =>
      activity.watchSession(resource, connect({ ...account, ...options, jid: `${as}/${resource}` })),
    spare: (resource, as) => keepSpare({ ...account, jid: `${as}/${resource}` }),
  };
}

const PUBLICATION_LIMIT_MS = 30_000;
const PUBLICATION_POLL_MS = 200;

/** Peers find us through the directory; until the certificate is there nothing that we sign is believed. LDAP as
 *  slapd 2.5 speaks it with us tells of no changes, so we ask, each time anew: a kept answer would say for 30 s what was
 *  there before. @throws Mom4cError M4C_NOT_PUBLISHED, M4C_STOPPED, M4C_DIRECTORY_UNREACHABLE */
export async function waitUntilPublished(
  directory: Pick<LdapDirectory, 'fetch'>,
  { issuer, serial, fingerprint }: Pick<Certificate, 'issuer' | 'serial' | 'fingerprint'>,
  { clock, signal }: Pick<Surroundings, 'clock' | 'signal'>,
): Promise<void> {
  const limit = clock.monotonic() + PUBLICATION_LIMIT_MS;
  while ((await directory.fetch(issuer, serial))?.fingerprint !== fingerprint) {
    if (clock.monotonic() >= limit) throw new Mom4cError('M4C_NOT_PUBLISHED');
    await pause(PUBLICATION_POLL_MS, clock, signal);
    if (signal.aborted) throw new Mom4cError('M4C_STOPPED');
  }
}

export type { Enrolled };
