/**
 * Partners as they are now: what the configuration says, and what the metadata of the federation add to it.
 *
 * INVARIANTS:
 *  - Only domains that the configuration names are partners; metadata add to what is known of them, and never a level.
 *  - A host belongs to one of them at most, and never to one if it is ours. Metadata give a partner only its domain and names
 *    below that, and none at or below the domain of another or ours: what they claim beyond that is left out.
 */
import { Mom4cError, isDomain } from '@mom4c/core';
import type { Log } from '@mom4c/core';
import type { FederationMetadata, GatewayDescriptor } from '@mom4c/saml';
import type { Partner, Partners } from './partner.ts';
import { readDers, readPem } from './pem-files.ts';
import { ownHosts, usualHosts } from './settings-rules.ts';
import type { FederationGatewaySettings } from './settings.ts';

export type PartnerSettings = Pick<FederationGatewaySettings, 'domain' | 'xmpp' | 'hosts' | 'partners'>;

export type CurrentPartners = Partners & {
  /** The configuration was read again. @throws Mom4cError M4C_CONFIG; then nothing has changed */
  use(settings: PartnerSettings): void;
};

type Configured = {
  readonly setting: PartnerSettings['partners'][number];
  readonly certificates: readonly Uint8Array[];
  readonly authority: string | undefined;
};

/** @param options.metadata what is good now; undefined while there are none
 *  @throws Mom4cError M4C_CONFIG */
export function createPartners(options: {
  settings: PartnerSettings;
  metadata: () => FederationMetadata | undefined;
  /** Calls back at each change of the metadata. */
  onMetadata: (listener: () => void) => void;
  log: Log;
}): CurrentPartners {
  const { metadata, onMetadata, log } = options;
  const listeners = new Set<() => void>();
  let { settings } = options;
  let configured = readFiles(settings);
  let current = resolve();

  function resolve(): readonly Partner[] {
    const gateways = metadata()?.gateways ?? [];
    const owners = new Map(ownHosts(settings).map((host) => [host, settings.domain]));
    // What the configuration writes out goes before what metadata claim.
    for (const { setting } of configured)
      for (const host of setting.hosts ?? [setting.domain]) owners.set(host, setting.domain);
    const domains = [settings.domain, ...configured.map(({ setting }) => setting.domain)];
    const named = configured.flatMap(({ setting }) => setting.identityProviders ?? []);
    return configured.map((one) => {
      const { setting } = one;
      const gateway = gateways.find(({ domain }) => domain === setting.domain);
      const claimed = gateway?.hosts.filter((host) => lies(host, setting.domain, domains));
      const hosts = (setting.hosts ?? claimed ?? usualHosts(setting.domain)).filter((host) =>
        take(owners, host, setting.domain),
      );
      return { ...partnerOf(one, gateway, hosts), ...providersOf(setting, named) };
    });
  }

  /** Is it the domain that is nearest above the host? */
  function lies(host: string, domain: string, domains: readonly string[]): boolean {
    const [nearest] = domains
      .filter((one) => host === one || host.endsWith(`.${one}`))
      .toSorted((one, other) => other.length - one.length);
    if (nearest === domain) return true;
    log.warn(
      { partner: domain, host, owner: nearest },
      'a host that metadata claim is left out: it does not lie in the domain of the partner',
    );
    return false;
  }

  function take(owners: Map<string, string>, host: string, domain: string): boolean {
    const owner = owners.get(host) ?? domain;
    owners.set(host, owner);
    if (owner === domain && isDomain(host)) return true;
    log.warn({ partner: domain, host, owner }, 'a host of a partner is left out: it belongs to another');
    return false;
  }

  function changed(): void {
    current = resolve();
    for (const listener of listeners) listener();
  }

  onMetadata(changed);
  return {
    all: () => current,
    find: (domain) => current.find((one) => one.domain === domain),
    ofHost: (host) => current.find(({ hosts }) => hosts.includes(host)),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    use(next) {
      configured = readFiles(next);
      settings = next;
      changed();
    },
  };
}

function partnerOf(
  { setting, certificates, authority }: Configured,
  gateway: GatewayDescriptor | undefined,
  hosts: readonly string[],
): Partner {
  const { domain, level, address, attributes, connect } = setting;
  // Dialback and less look at no certificate, and the metadata describe gateways, not stock servers.
  const known = level === 'sso' || level === 'encrypted' ? gateway : undefined;
  return {
    domain,
    level,
    hosts,
    address: address ?? known?.s2s ?? 'srv',
    certificates: [...certificates, ...(known?.certificates ?? [])],
    authority,
    agent: level === 'sso' ? gateway : undefined,
    attributes,
    connect,
  };
}

/** @param named for some partner, all of them */
function providersOf(
  { identityProviders }: Configured['setting'],
  named: readonly string[],
): Pick<Partner, 'identityProviders'> {
  if (identityProviders) return { identityProviders: { only: identityProviders } };
  return named.length === 0 ? {} : { identityProviders: { allBut: named } };
}

function readFiles({ partners }: PartnerSettings): Configured[] {
  return partners.map((setting) => {
    try {
      return {
        setting,
        certificates: readDers(setting.certificateFiles),
        authority: setting.authorityFile === undefined ? undefined : readPem(setting.authorityFile),
      };
    } catch (thrown) {
      if (!(thrown instanceof Mom4cError)) throw thrown;
      throw new Mom4cError(thrown.code, `${setting.domain}: ${thrown.detail}`, { cause: thrown });
    }
  });
}
