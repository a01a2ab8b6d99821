/**
 * The S2S manager: our own server on one side, partners on the other, and a link to each. Takes streams of partners,
 * opens those to them, and hands stanzas on by the rules of router.ts.
 */
import { Mom4cError, type Clock, type Log, type Random } from '@mom4c/core';
import {
  connectS2s,
  listenS2s,
  type ComponentHosts,
  type DialbackKeys,
  type Element,
  type HostPair,
  type S2sCredentials,
  type S2sListening,
  type S2sPolicy,
  type S2sStream,
  type SamlUser,
  type SamlVerdicts,
} from '@mom4c/xmpp';
import type { Partner, Partners } from '../partner.ts';
import { bounce } from './bounce.ts';
import type { LinkStatus } from './link-status.ts';
import { createPartnerLink, type PartnerLink } from './partner-link.ts';
import { openPresenceLedger } from './presence-ledger.ts';
import { routeOutgoing } from './router.ts';

export type S2sManagerSettings = {
  readonly domain: string;
  /** Of this domain, that partners may speak to; `domain` among them. */
  readonly hosts: readonly string[];
  readonly partners: Partners;
  /** Not started yet. Its handler is the manager's. */
  readonly component: ComponentHosts;
  readonly listen: Pick<S2sListening, 'host' | 'port' | 'limits'>;
  readonly credentials: S2sCredentials;
  /** Is there to be a link, unless `connect` and `disconnect` say otherwise? */
  readonly isWanted: (partner: Partner) => boolean;
  /** What the level of a partner asks for. */
  readonly policyOf: (partner: Partner) => S2sPolicy;
  /** Needed where a partner is at the level sso. */
  readonly agent: { readonly verdicts: SamlVerdicts; readonly user: SamlUser } | undefined;
  /** Needed where a partner is at the level verified. */
  readonly dialback: DialbackKeys | undefined;
  /** SQLite, made if it is not there. */
  readonly ledgerFile: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** Streams and stanzas that were refused, to be counted and logged. @param from a domain, an address, or an account */
  readonly refused: (error: Mom4cError, from: string) => void;
  /** A stream to a partner was opened and logged in, or was not. */
  readonly onDialed: (partner: string, error: Mom4cError | undefined) => void;
};

export type S2sManager = {
  /** Where partners are listened for. */
  readonly port: number;
  /** Of partners and strangers, in whatever state. */
  readonly connections: number;
  /** One for each partner. */
  status(): readonly LinkStatus[];
  /** @throws Mom4cError M4C_PARTNER_UNKNOWN */
  connect(domain: string): void;
  /** Down until `connect`. @throws Mom4cError M4C_PARTNER_UNKNOWN */
  disconnect(domain: string): void;
  /** For streams from now on. @throws Mom4cError M4C_CERTIFICATE_INVALID, and the former stay */
  renew(credentials: S2sCredentials): void;
  /** Some link has changed its state. @returns ends that */
  onChange(listener: () => void): () => void;
  /** Ends all links, and tells our server that nobody of the partners is there: stop the component after it. */
  stop(): Promise<void>;
};

/** For what is still to be told when it stops. */
const STOP_MS = 5_000;

/** Listens at once; opens links once the component is online.
 *  @throws Mom4cError M4C_CONFIG (port, file of the ledger), M4C_CERTIFICATE_INVALID */
export async function createS2sManager(settings: S2sManagerSettings): Promise<S2sManager> {
  const {
    domain,
    partners,
    component,
    isWanted,
    policyOf,
    agent,
    dialback,
    log,
    clock,
    random,
    refused,
    onDialed,
  } = settings;
  const ours: ReadonlySet<string> = new Set(settings.hosts);
  const ledger = openPresenceLedger(settings.ledgerFile);
  const links = new Map<string, { readonly link: PartnerLink; readonly facts: string }>();
  const listeners = new Set<() => void>();
  let { credentials } = settings;
  let hasBegun = false;
  let isStopped = false;

  const changed = (): void => {
    for (const listener of [...listeners]) listener();
  };

  async function dial(of: string, pair: HostPair, signal: AbortSignal): Promise<S2sStream> {
    const partner = known(of);
    const { address } = partner;
    const around = { log, clock, random, signal };
    try {
      const stream = await connectS2s({
        pair,
        address,
        policy: policyOf(partner),
        credentials,
        saml: agent?.user,
        dialback,
        ...around,
      });
      onDialed(of, undefined);
      return stream;
    } catch (thrown) {
      if (thrown instanceof Mom4cError && !signal.aborted) onDialed(of, thrown);
      throw thrown;
    }
  }

  /** @throws Mom4cError M4C_PARTNER_UNKNOWN */
  function known(of: string): Partner {
    const partner = partners.find(of);
    if (!partner) throw new Mom4cError('M4C_PARTNER_UNKNOWN', of);
    return partner;
  }

  function linkOf(of: string): PartnerLink {
    const entry = links.get(of);
    if (!entry) throw new Mom4cError('M4C_PARTNER_UNKNOWN', of);
    return entry.link;
  }

  /** As the configuration and the metadata say now. Who has changed is linked anew. */
  function follow(): void {
    if (isStopped) return;
    const now = new Map(partners.all().map((partner) => [partner.domain, partner]));
    for (const [of, { link, facts }] of links) {
      const partner = now.get(of);
      if (partner && factsOf(partner) === facts) continue;
      const { wanted } = link;
      links.delete(of);
      link.disconnect(
        new Mom4cError(partner ? 'M4C_PARTNER_DOWN' : 'M4C_PARTNER_UNKNOWN', 'the configuration has changed'),
      );
      if (partner) add(partner, wanted);
    }
    for (const [of, partner] of now) if (!links.has(of)) add(partner, isWanted(partner));
    changed();
  }

  function add(partner: Partner, wanted: boolean): void {
    const link = createPartnerLink({
      ...{ partner, domain, ours, component, ledger, log, clock, random, refused, changed },
      dial: (pair, signal) => dial(partner.domain, pair, signal),
    });
    links.set(partner.domain, { link, facts: factsOf(partner) });
    if (hasBegun && wanted) link.connect();
  }

  async function fromServer(stanza: Element): Promise<void> {
    const route = routeOutgoing(stanza, ours, partners);
    if (route.go === 'nowhere') return refused(route.error, stanza.attrs.from ?? domain);
    if (route.go === 'back') {
      refused(route.error, stanza.attrs.from ?? domain);
      const answer = bounce(stanza, route.error);
      if (answer) await component.send(answer).catch(() => {});
      return;
    }
    await linkOf(route.partner.domain).send(stanza, { local: route.local, remote: route.remote });
  }

  function begin(): void {
    for (const { link } of links.values()) link.serverFound();
    if (hasBegun) return;
    hasBegun = true;
    for (const { link } of links.values()) if (isWanted(link.partner)) link.connect();
  }

  /** Only who is wanted, and for sso the one pair that all goes by. */
  function policyFor(remote: string): S2sPolicy | undefined {
    const partner = partners.ofHost(remote);
    if (!partner || !links.get(partner.domain)?.link.wanted) return undefined;
    if (partner.level === 'sso' && remote !== partner.domain) return undefined;
    return policyOf(partner);
  }

  function accept(stream: S2sStream): void {
    const partner = partners.ofHost(stream.pair.remote);
    const link = partner && links.get(partner.domain)?.link;
    if (!link || (partner.level === 'sso' && stream.pair.local !== domain))
      return void stream.close('host-unknown');
    link.accept(stream);
  }

  const listener = await listenS2s({
    ...settings.listen,
    ...{ credentials, hosts: settings.hosts, policyFor, log, clock, random },
    saml: agent?.verdicts,
    dialback: dialback && {
      keys: dialback,
      addressOf: (remote) => partners.ofHost(remote)?.address ?? 'srv',
    },
    onStream: accept,
    onRefused: refused,
  }).catch((error: unknown) => {
    ledger.close();
    throw error;
  });

  follow();
  const unfollow = partners.onChange(follow);
  component.onStanza(fromServer);
  component.onOnline(begin);
  component.onOffline(() => {
    for (const { link } of links.values()) link.serverLost();
  });

  return {
    get port() {
      return listener.port;
    },
    get connections() {
      return listener.connections;
    },
    status: () => [...links.values()].map(({ link }) => link.status()),
    connect(of) {
      linkOf(of).connect();
    },
    disconnect(of) {
      linkOf(of).disconnect(new Mom4cError('M4C_PARTNER_DOWN', 'disconnected by an administrator'));
    },
    renew(fresh) {
      listener.renew(fresh);
      credentials = fresh;
    },
    onChange(listening) {
      const own = (): void => listening();
      listeners.add(own);
      return () => listeners.delete(own);
    },
    async stop() {
      if (isStopped) return;
      isStopped = true;
      unfollow();
      const all = [...links.values()].map(({ link }) => link);
      for (const link of all) link.disconnect(new Mom4cError('M4C_STOPPED'));
      const late = Promise.withResolvers<void>();
      const cancel = clock.after(STOP_MS, late.resolve);
      await Promise.race([Promise.all(all.map((link) => link.settled())), late.promise]);
      cancel();
      await listener.stop();
      ledger.close();
    },
  };
}

/** What a link rests on. */
export function factsOf(partner: Partner): string {
  const { level, hosts, address, certificates, authority, attributes, identityProviders = null } = partner;
  return JSON.stringify([
    level,
    hosts,
    address,
    authority,
    attributes,
    identityProviders,
    certificates.map((der) => Buffer.from(der).toString('base64')),
  ]);
}
