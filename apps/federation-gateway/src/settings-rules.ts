/** What one setting asks of another; the schema says the rest. */
import type { Level } from './partner.ts';

export type Fault = { readonly path: readonly (string | number)[]; readonly message: string };

/** What the rules look at. */
export type Ruled = {
  readonly domain: string;
  readonly xmpp: { readonly muc?: string | undefined };
  readonly hosts?: readonly string[] | undefined;
  readonly agent?: object | undefined;
  readonly federation?:
    | { readonly metadataFile?: string | undefined; readonly metadataUrl?: string | undefined }
    | undefined;
  readonly login?:
    | {
        readonly method: 'ecp' | 'form' | 'certificate';
        readonly user?: string | undefined;
        readonly passwordFile?: string | undefined;
        readonly certFile?: string | undefined;
        readonly keyFile?: string | undefined;
      }
    | undefined;
  readonly partners: readonly {
    readonly domain: string;
    readonly level: Level;
    readonly hosts?: readonly string[] | undefined;
    readonly certificateFiles: readonly string[];
    readonly authorityFile?: string | undefined;
    readonly attributes: Readonly<Record<string, unknown>>;
    readonly identityProviders?: readonly string[] | undefined;
  }[];
};

/** Hosts of this domain that partners may speak to. */
export function ownHosts({
  domain,
  xmpp,
  hosts,
}: Pick<Ruled, 'domain' | 'xmpp' | 'hosts'>): readonly string[] {
  return hosts ?? [domain, xmpp.muc ?? `conference.${domain}`];
}

/** Hosts that a partner speaks for where neither configuration nor metadata name them. */
export function usualHosts(domain: string): readonly string[] {
  return [domain, `conference.${domain}`];
}

/** All at once. */
export function ruleFaults(settings: Ruled): Fault[] {
  return [
    ...ownFaults(settings),
    ...neededForSso(settings),
    ...federationFaults(settings),
    ...loginFaults(settings),
    ...settings.partners.flatMap((partner, index) => partnerFaults(settings, partner, index)),
    ...overlaps(settings),
  ];
}

function ownFaults(settings: Ruled): Fault[] {
  const { domain, hosts } = settings;
  if (hosts === undefined) return [];
  const faults: Fault[] = repeated(hosts).map((index) => ({
    path: ['hosts', index],
    message: 'is there twice',
  }));
  if (!hosts.includes(domain))
    faults.push({ path: ['hosts'], message: `must hold ${domain}: log-ins are for the domain` });
  return faults;
}

function neededForSso(settings: Ruled): Fault[] {
  const who = settings.partners.find(({ level }) => level === 'sso');
  if (!who) return [];
  return (['agent', 'federation', 'login'] as const)
    .filter((section) => settings[section] === undefined)
    .map((section) => ({ path: [section], message: `is missing: the level sso of ${who.domain} needs it` }));
}

function federationFaults({ federation }: Ruled): Fault[] {
  if (!federation) return [];
  const { metadataFile, metadataUrl } = federation;
  if ((metadataFile === undefined) !== (metadataUrl === undefined)) return [];
  return [
    {
      path: ['federation', 'metadataFile'],
      message: 'needs either metadataFile or metadataUrl, and not both',
    },
  ];
}

function loginFaults({ login }: Ruled): Fault[] {
  if (!login) return [];
  const needed =
    login.method === 'certificate' ? (['certFile', 'keyFile'] as const) : (['user', 'passwordFile'] as const);
  return needed
    .filter((setting) => login[setting] === undefined)
    .map((setting) => ({
      path: ['login', setting],
      message: `is missing: the method ${login.method} needs it`,
    }));
}

function partnerFaults(settings: Ruled, partner: Ruled['partners'][number], index: number): Fault[] {
  const faults: Fault[] = [];
  const add = (setting: string, message: string): void =>
    void faults.push({ path: ['partners', index, setting], message });
  const { domain, level, hosts, certificateFiles, authorityFile, attributes, identityProviders } = partner;
  const evidence = certificateFiles.length > 0 || authorityFile !== undefined;
  if (domain === settings.domain) add('domain', 'is the domain of this gateway itself');
  if (hosts && !hosts.includes(domain)) add('hosts', `must hold ${domain}`);
  if (level === 'sso' && authorityFile !== undefined)
    add('authorityFile', 'does not fit the level sso: its certificates are pinned');
  if (level === 'encrypted' && !evidence && settings.federation === undefined)
    add(
      'certificateFiles',
      'the level encrypted needs certificateFiles or authorityFile, or metadata that have them',
    );
  if ((level === 'verified' || level === 'permissive') && evidence)
    add(
      'level',
      `looks at no certificate: name no certificateFiles or authorityFile, or take the level encrypted`,
    );
  if (level !== 'sso' && Object.keys(attributes).length > 0)
    add('attributes', 'need the level sso: only an assertion has attributes');
  if (level !== 'sso' && identityProviders !== undefined)
    add('identityProviders', 'need the level sso: none is asked below it');
  return faults;
}

/** No host may belong to two. */
function overlaps(settings: Ruled): Fault[] {
  const owners = new Map(ownHosts(settings).map((host) => [host, `this domain`]));
  const faults: Fault[] = [];
  settings.partners.forEach(({ domain, hosts }, index) => {
    if (settings.partners.findIndex((other) => other.domain === domain) < index) {
      faults.push({ path: ['partners', index, 'domain'], message: `${domain} is there twice` });
      return;
    }
    for (const host of new Set(hosts ?? usualHosts(domain))) {
      const owner = owners.get(host);
      if (owner === undefined) owners.set(host, domain);
      else if (domain !== settings.domain)
        faults.push({
          path: ['partners', index, hosts === undefined ? 'domain' : 'hosts'],
          message: `${host} belongs to ${owner} already`,
        });
    }
  });
  return faults;
}

/** Places at which something stands again. */
function repeated(values: readonly string[]): number[] {
  return values.flatMap((value, index) => (values.indexOf(value) < index ? [index] : []));
}
