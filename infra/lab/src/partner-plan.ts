/** Who federates with whom in a new lab, and at which level. */
import { join } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import { LEVELS } from './level.ts';
import type { Level } from './level.ts';
import { authorityFile } from './authority.ts';
import type { GatewayState } from './lab-state.ts';
import type { Settings } from './yaml.ts';

/** What two domains of a lab ask of each other. */
export type PairLevel = { readonly between: readonly [string, string]; readonly level: Level };

export type FederationOptions = {
  /** An identity provider for all domains; each pair federates at `sso` then, if `levels` does not say otherwise. */
  idp?: boolean | undefined;
  /** Pairs that federate at a level of their own. Without an identity provider there are no others, and none at `sso`. */
  levels?: readonly PairLevel[] | undefined;
};

/** A domain that another one federates with: its own hosts, and what the gateway's configuration says of it. */
export type PartnerState = GatewayState['partners'][number];

/** Where a domain's gateway is, as far as partners need to know. */
type Place = { readonly name: string; readonly hosts: readonly string[]; readonly s2sPort: number };

/** Is there a gateway in each domain? */
export function isFederated({ idp, levels }: FederationOptions): boolean {
  return idp === true || levels !== undefined;
}

/** @throws Mom4cError M4C_USAGE */
export function checkLevels({ idp, levels = [] }: FederationOptions, domains: readonly string[]): void {
  const seen = new Set<string>();
  for (const { between, level } of levels) {
    const [one, other] = between;
    const named = between.map((name) => JSON.stringify(String(name).slice(0, 80))).join(' and ');
    if (one === other || !between.every((name) => domains.includes(name)))
      throw new Mom4cError('M4C_USAGE', `${named} are not two domains of the lab`);
    if (!LEVELS.includes(level)) throw new Mom4cError('M4C_USAGE', `a level is one of ${LEVELS.join(', ')}`);
    if (level === 'sso' && !idp)
      throw new Mom4cError('M4C_USAGE', `${named} need an identity provider for the level sso`);
    const pair = between.toSorted().join(' ');
    if (seen.has(pair)) throw new Mom4cError('M4C_USAGE', `one level for ${named}, please`);
    seen.add(pair);
  }
}

/** @param folder of the lab */
export function partnersOf(
  domain: string,
  all: readonly Place[],
  { idp, levels = [] }: FederationOptions,
  folder: string,
): PartnerState[] {
  return all
    .filter(({ name }) => name !== domain)
    .flatMap((place) => {
      const pair = [domain, place.name].toSorted().join(' ');
      const own = levels.find(({ between }) => between.toSorted().join(' ') === pair)?.level;
      const level = own ?? (idp ? 'sso' : undefined);
      if (level === undefined) return [];
      const { name, hosts } = place;
      return [{ domain: name, level, hosts: [...hosts], settings: settingsOf(place, level, folder) }];
    });
}

/** Below sso nothing comes from the metadata: so it is written out. */
function settingsOf({ name, hosts, s2sPort }: Place, level: Level, folder: string): Settings {
  if (level === 'sso') return {};
  return {
    hosts,
    address: { host: '127.0.0.1', port: s2sPort },
    ...(level === 'encrypted' && { authorityFile: authorityFile(join(folder, name)) }),
  };
}
