/** What managers of the domain may ask of the gateway over the bus: see links and partners, connect, disconnect. */
import type { EndpointHandler } from '@mom4c/bus';
import type { LinkReport, PartnerReport } from '@mom4c/commands';
import { Mom4cError, VERSION, isDomain } from '@mom4c/core';
import type { Clock, Log } from '@mom4c/core';
import * as z from 'zod';
import type { AgentStatus } from './agent/authentication-agent.ts';
import type { LinkStatus, S2sManager, StreamStatus } from './link/index.ts';
import { warningOf } from './level.ts';
import type { Partner, Partners } from './partner.ts';
import type { Wishes } from './wishes.ts';

/** What is needed of the links. */
export type Links = Pick<S2sManager, 'status' | 'connect' | 'disconnect' | 'onChange'>;

export type Controlled = {
  readonly name: string;
  /** Ours, to which partners may speak. */
  readonly hosts: readonly string[];
  readonly partners: Partners;
  readonly links: Links;
  readonly wishes: Wishes;
  readonly agent: { status(): AgentStatus; descriptor(): string } | undefined;
  readonly log: Log;
  readonly clock: Clock;
};

const nothing = z.strictObject({});
const oneDomain = z.strictObject({ domain: z.string().refine(isDomain) });

/** A cold log-in by way of the identity provider takes some seconds; less than whoever asks usually waits. */
const CONNECT_MS = 50_000;

export function createControl(controlled: Controlled): Readonly<Record<string, EndpointHandler>> {
  const { name, hosts, partners, links, wishes, agent, log, clock } = controlled;
  const since = clock.now() / 1000;

  return {
    async status(args) {
      read(nothing, args);
      return {
        gateway: { name, version: VERSION, since },
        hosts: [...hosts],
        ...(agent && { idp: idpOf(agent.status()) }),
        links: links.status().map(linkReportOf),
      };
    },
    async partners(args) {
      read(nothing, args);
      return { partners: partners.all().map(partnerReportOf) };
    },
    async connect(args) {
      const { domain } = known(args);
      wishes.set(domain, true);
      log.info({ partner: domain }, 'an administrator connects');
      return linkReportOf(await connected(links, domain, clock));
    },
    async disconnect(args) {
      const { domain } = known(args);
      wishes.set(domain, false);
      log.info({ partner: domain }, 'an administrator disconnects');
      links.disconnect(domain);
      return linkReportOf(linkOf(links, domain));
    },
    async metadata(args) {
      read(nothing, args);
      if (!agent)
        throw new Mom4cError('M4C_METADATA', 'this gateway has no authentication agent: see `agent`');
      return { xml: agent.descriptor() };
    },
  };

  function known(args: unknown): Partner {
    const { domain } = read(oneDomain, args);
    const partner = partners.find(domain);
    if (!partner) throw new Mom4cError('M4C_PARTNER_UNKNOWN', domain);
    return partner;
  }
}

/** @throws Mom4cError M4C_PARTNER_DOWN with why the first try failed */
async function connected(links: Links, domain: string, clock: Pick<Clock, 'after'>): Promise<LinkStatus> {
  const outcome = Promise.withResolvers<LinkStatus>();
  const end = links.onChange(look);
  const cancel = clock.after(CONNECT_MS, () => outcome.reject(down(linkOf(links, domain))));
  try {
    links.connect(domain);
    look(true);
    return await outcome.promise;
  } finally {
    end();
    cancel();
  }

  function look(first = false): void {
    const link = linkOf(links, domain);
    if (link.state === 'up') outcome.resolve(link);
    else if (!first && (link.state === 'waiting' || link.state === 'disconnected'))
      outcome.reject(down(link));
  }
}

function down({ partner, reason }: LinkStatus): Mom4cError {
  const why = reason ? [reason.code, reason.detail].filter(Boolean).join(': ') : 'no answer in time';
  return new Mom4cError('M4C_PARTNER_DOWN', `${partner}: ${why}`);
}

function linkOf(links: Links, domain: string): LinkStatus {
  const link = links.status().find(({ partner }) => partner === domain);
  if (!link) throw new Mom4cError('M4C_PARTNER_UNKNOWN', domain);
  return link;
}

function linkReportOf(status: LinkStatus): LinkReport {
  const { partner, level, state, since, reason, counts, queue, present } = status;
  const { sent, received, bouncedOut, bouncedIn, dropped, ups, downs } = counts;
  const warning = warningOf(level);
  return {
    ...{ partner, level, state, since: since / 1000, sent, received, dropped, ups, downs, present },
    out: status.out.map(streamReportOf),
    in: status.in.map(streamReportOf),
    bounced: bouncedOut + bouncedIn,
    queued: queue.stanzas,
    ...(reason && state !== 'up' && { reason: reasonOf(reason) }),
    ...(warning !== undefined && { warning }),
  };
}

function streamReportOf({ local, remote, address, tls }: StreamStatus): LinkReport['out'][number] {
  return { local, remote, address, ...(tls !== undefined && { tls }) };
}

function reasonOf({ code, detail }: NonNullable<LinkStatus['reason']>): NonNullable<LinkReport['reason']> {
  return { code, ...(detail !== undefined && { detail }) };
}

function partnerReportOf(partner: Partner): PartnerReport {
  const { domain, level, hosts, address, agent, certificates, authority, attributes, connect } = partner;
  const warning = warningOf(level);
  return {
    domain,
    level,
    hosts: [...hosts],
    address: address === 'srv' ? 'srv' : `${address.host}:${address.port}`,
    ...(agent && { agent: agent.agentUrl }),
    certificates: certificates.length,
    authority: authority !== undefined,
    attributes: Object.fromEntries(Object.entries(attributes).map(([key, values]) => [key, [...values]])),
    connect,
    ...(warning !== undefined && { warning }),
  };
}

function idpOf({ logIn, federation }: AgentStatus): object {
  return {
    ...(logIn.idp !== '' && { entityId: logIn.idp }),
    session: logIn.session !== undefined,
    logins: logIn.logIns,
    ...(logIn.fault && { fault: logIn.fault.code }),
    means: logIn.means,
    ...(federation.validUntil !== undefined && { metadataUntil: federation.validUntil / 1000 }),
  };
}

function read<Shape>(schema: z.ZodType<Shape>, args: unknown): Shape {
  const parsed = schema.safeParse(args);
  if (!parsed.success) throw new Mom4cError('M4C_BAD_ARGUMENTS');
  return parsed.data;
}
