/** What a federation gateway counts; docs/observability.md is made from this. */
import type { MetricDefinition, Metrics } from '@mom4c/runtime';
import type { AgentStatus } from './agent/authentication-agent.ts';
import type { S2sManager } from './link/index.ts';

const PARTNER = 'domain of the partner';

export const federationGatewayMetrics = {
  online: {
    name: 'component_online',
    type: 'gauge',
    help: "1 while the XMPP server takes the gateway for the partners' hosts.",
  },
  bus: { name: 'bus_connected', type: 'gauge', help: '1 while the NATS server of the domain is connected.' },
  up: {
    name: 'federation_link_up',
    type: 'gauge',
    help: '1 while stanzas flow to and from the partner.',
    labels: { partner: PARTNER, level: 'of the partner: `permissive`, `verified`, `encrypted`, `sso`' },
  },
  wanted: {
    name: 'federation_link_wanted',
    type: 'gauge',
    help: '0 where an administrator has disconnected it, or not connected it yet.',
    labels: { partner: PARTNER },
  },
  changes: {
    name: 'federation_link_changes_total',
    type: 'counter',
    help: 'Times that a link came up or was lost.',
    labels: { partner: PARTNER, to: '`up` or `down`' },
  },
  dials: {
    name: 'federation_dials_total',
    type: 'counter',
    help: 'Streams to the partner that were tried. Streams from partners that were refused are in `mom4c_refused_total`.',
    labels: { partner: PARTNER, result: '`ok`: logged in; else the code of the error' },
  },
  stanzas: {
    name: 'federation_stanzas_total',
    type: 'counter',
    help: 'Stanzas that were handed on.',
    labels: { partner: PARTNER, direction: '`out` to the partner, `in` from it' },
  },
  octets: {
    name: 'federation_stanza_octets_total',
    type: 'counter',
    help: 'Octets of the streams that carried them, their log-ins included.',
    labels: { partner: PARTNER, direction: '`out`, `in`' },
  },
  bounced: {
    name: 'federation_stanzas_bounced_total',
    type: 'counter',
    help: 'Stanzas that could not be handed on and went back to their senders as errors.',
    labels: { partner: PARTNER, direction: 'in which they were to go: `out`, `in`' },
  },
  dropped: {
    name: 'federation_stanzas_dropped_total',
    type: 'counter',
    help: 'Stanzas that could not be handed on, of a kind that nobody is told about, such as errors.',
    labels: { partner: PARTNER },
  },
  queued: {
    name: 'federation_queue_stanzas',
    type: 'gauge',
    help: 'Stanzas that wait to be written to the partner.',
    labels: { partner: PARTNER },
  },
  queuedOctets: {
    name: 'federation_queue_octets',
    type: 'gauge',
    help: 'Octets of the same.',
    labels: { partner: PARTNER },
  },
  present: {
    name: 'federation_ledger_presences',
    type: 'gauge',
    help: 'Presences of both sides that are remembered, so that nobody stays as a ghost when the link is lost.',
    labels: { partner: PARTNER },
  },
  connections: {
    name: 'federation_connections',
    type: 'gauge',
    help: 'Connections of other servers, in whatever state.',
  },
  logins: {
    name: 'federation_logins_total',
    type: 'counter',
    help: 'Log-ins of this domain at its identity provider with credentials; with single sign-on far fewer than links.',
  },
  openLogins: {
    name: 'federation_logins_open',
    type: 'gauge',
    help: 'Log-ins of partners that wait for their assertion.',
  },
  session: {
    name: 'federation_idp_session',
    type: 'gauge',
    help: '1 while there is a session at the identity provider that spares the next log-in.',
  },
  metadata: {
    name: 'federation_metadata_expiry_timestamp_seconds',
    type: 'gauge',
    help: 'When the metadata of the federation stop to be valid, Unix seconds; 0 where there are none.',
  },
  certificate: {
    name: 'federation_certificate_expiry_timestamp_seconds',
    type: 'gauge',
    help: 'When the certificate that partners see stops to be valid, Unix seconds.',
  },
} as const satisfies Record<string, MetricDefinition>;

export function watchGateway(
  metrics: Metrics,
  {
    links,
    component,
    bus,
    agent,
    certificate,
  }: {
    links: Pick<S2sManager, 'status' | 'connections'>;
    component: { readonly online: boolean };
    bus: { readonly connected: boolean };
    agent: { status(): AgentStatus } | undefined;
    certificate: () => { readonly notAfter: number };
  },
): void {
  const of = federationGatewayMetrics;
  metrics.watch(of.online, () => Number(component.online));
  metrics.watch(of.bus, () => Number(bus.connected));
  metrics.watch(of.connections, () => links.connections);
  metrics.watch(of.up, () =>
    links.status().map(({ partner, level, state }) => [{ partner, level }, Number(state === 'up')] as const),
  );
  metrics.watch(of.wanted, () =>
    links.status().map(({ partner, state }) => [{ partner }, Number(state !== 'disconnected')] as const),
  );
  metrics.watch(of.changes, () =>
    links
      .status()
      .flatMap(({ partner, counts }) => [
        [{ partner, to: 'up' }, counts.ups] as const,
        [{ partner, to: 'down' }, counts.downs] as const,
      ]),
  );
  metrics.watch(of.stanzas, () =>
    links
      .status()
      .flatMap(({ partner, counts }) => [
        [{ partner, direction: 'out' }, counts.sent] as const,
        [{ partner, direction: 'in' }, counts.received] as const,
      ]),
  );
  metrics.watch(of.octets, () =>
    links
      .status()
      .flatMap(({ partner, counts }) => [
        [{ partner, direction: 'out' }, counts.sentOctets] as const,
        [{ partner, direction: 'in' }, counts.receivedOctets] as const,
      ]),
  );
  metrics.watch(of.bounced, () =>
    links
      .status()
      .flatMap(({ partner, counts }) => [
        [{ partner, direction: 'out' }, counts.bouncedOut] as const,
        [{ partner, direction: 'in' }, counts.bouncedIn] as const,
      ]),
  );
  metrics.watch(of.dropped, () =>
    links.status().map(({ partner, counts }) => [{ partner }, counts.dropped] as const),
  );
  metrics.watch(of.queued, () =>
    links.status().map(({ partner, queue }) => [{ partner }, queue.stanzas] as const),
  );
  metrics.watch(of.queuedOctets, () =>
    links.status().map(({ partner, queue }) => [{ partner }, queue.octets] as const),
  );
  metrics.watch(of.present, () =>
    links.status().map(({ partner, present }) => [{ partner }, present] as const),
  );
  metrics.watch(of.certificate, () => certificate().notAfter / 1000);
  if (!agent) return;
  metrics.watch(of.logins, () => agent.status().logIn.logIns);
  metrics.watch(of.openLogins, () => agent.status().open);
  metrics.watch(of.session, () => Number(agent.status().logIn.session !== undefined));
  metrics.watch(of.metadata, () => (agent.status().federation.validUntil ?? 0) / 1000);
}
