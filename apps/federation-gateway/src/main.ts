/** The federation gateway of a domain: what its XMPP server routes to partners, and what they send. */
import { join } from 'node:path';
import { connectBus, serveAgent } from '@mom4c/bus';
import { Mom4cError, VERSION } from '@mom4c/core';
import type { Log } from '@mom4c/core';
import { runMember } from '@mom4c/member';
import type { Running, Started } from '@mom4c/member';
import type { FederationMetadata } from '@mom4c/saml';
import { configFile, loadConfig, readSecret } from '@mom4c/runtime';
import { createComponentHosts, createDialbackKeys } from '@mom4c/xmpp';
import type { FederationSource } from './agent/federation-metadata.ts';
import { createControl } from './control.ts';
import { readCredentials } from './credentials.ts';
import { watchFiles } from './file-watch.ts';
import { policyOf, warningOf } from './level.ts';
import { createS2sManager } from './link/index.ts';
import { federationGatewayMetrics, watchGateway } from './metrics.ts';
import type { Partner } from './partner.ts';
import { createPartners } from './partners.ts';
import type { CurrentPartners } from './partners.ts';
import { ownHosts } from './settings-rules.ts';
import { federationGatewaySettings } from './settings.ts';
import type { FederationGatewaySettings } from './settings.ts';
import { startAgent, startFederation } from './start-agent.ts';
import { openWishes } from './wishes.ts';

type Gateway = Running<FederationGatewaySettings>;

await runMember({
  name: 'federation-gateway',
  role: 'gateway',
  schema: federationGatewaySettings,
  start,
});

async function start(running: Gateway): Promise<Started> {
  const { app, settings, log, member, metrics, refusals, onStop } = running;
  const { state, s2s, domain } = settings;
  const { clock, random } = member;
  const around = { log, clock, random };
  const wishes = openWishes(join(state, 'wishes.json'));
  let credentials = readCredentials(s2s);

  const federation = settings.federation && (await startFederation(settings.federation, state, around));
  if (federation) onStop('metadata', () => federation.stop());
  const partners = createPartners({
    settings,
    metadata: () => metadataOf(federation),
    onMetadata: (listener) => void federation?.onChange(listener),
    log,
  });
  warnOfLevels(partners.all(), log);

  const bus = await connectBus({ url: settings.nats.url, name: settings.name, tls: member.tls, log });
  onStop('bus', () => bus.close());
  const parts = { federation, partners, credentials, onRefused: refusals.note };
  const agent = await startAgent(settings, parts, around);
  if (agent) onStop('authentication agent', () => agent.stop());

  const { secretFile, ...link } = settings.component;
  const component = createComponentHosts({
    ...link,
    secret: readSecret(secretFile),
    hosts: hostsOf(partners),
    ...around,
  });
  onStop('component', () => component.stop());
  const dials = metrics.counter(federationGatewayMetrics.dials);
  const links = await createS2sManager({
    domain,
    hosts: ownHosts(settings),
    partners,
    component,
    listen: { host: s2s.host, port: s2s.port },
    credentials,
    policyOf: (partner) => policyOf(partner, clock),
    agent,
    dialback: createDialbackKeys(random),
    isWanted: (partner) => wishes.isWanted(partner),
    ledgerFile: join(state, 'presences.sqlite'),
    ...around,
    refused: refusals.note,
    onDialed: (partner, error) => dials.add({ partner, result: error?.code ?? 'ok' }),
  });
  onStop('links', () => links.stop());
  const untold = partners.onChange(() => component.follow(hostsOf(partners)));
  onStop('partners', untold);
  component.onFatal((error) => void app.fail(error));
  await component.start(app.signal);

  const control = createControl({
    name: settings.name,
    hosts: ownHosts(settings),
    partners,
    links,
    wishes,
    agent,
    log,
    clock,
  });
  const served = await serveAgent(
    bus,
    {
      name: 'federation',
      version: VERSION,
      description: 'Links to partners of this domain',
      endpoints: control,
    },
    log,
  );
  onStop('control', () => served.stop());

  watchGateway(metrics, { links, component, bus, agent, certificate: () => credentials });
  onStop(
    'certificate files',
    watchFiles(
      () => [s2s.certFile, s2s.keyFile],
      clock,
      () =>
        attempt(log, 'the certificate that partners see is not renewed', () => {
          const fresh = readCredentials(s2s);
          links.renew(fresh);
          agent?.useCredentials(fresh);
          credentials = fresh;
          log.info({ until: new Date(fresh.notAfter).toISOString() }, 'partners see a new certificate');
        }),
    ),
  );
  onStop('configuration file', followConfiguration(running, partners));
  return {
    checks: new Map([
      ['component', () => ({ ok: component.online })],
      ['bus', () => ({ ok: bus.connected })],
      // A partner or an identity provider that is away is no reason to take this gateway for broken.
      ['metadata', () => ({ ok: !federation || metadataOf(federation) !== undefined })],
    ]),
    jid: domain,
  };
}

/** Partners are read again when the configuration changes; all else needs a restart.
 *  @returns what ends that */
function followConfiguration({ log, member, settings }: Gateway, partners: CurrentPartners): () => void {
  const file = configFile(process.argv.slice(2));
  return watchFiles(
    () => [file],
    member.clock,
    () =>
      attempt(log, 'the changed configuration is not used', () => {
        const fresh = loadConfig(federationGatewaySettings, { file, env: process.env });
        const { agent, federation, login } = settings;
        const isNew = fresh.partners.some(({ level }) => level === 'sso');
        if (isNew && !(agent && federation && login))
          throw new Mom4cError('M4C_CONFIG', 'the first partner at the level sso needs a restart');
        partners.use({ ...settings, partners: fresh.partners });
        log.info({ partners: fresh.partners.length }, 'partners read again');
        warnOfLevels(partners.all(), log);
      }),
  );
}

function attempt(log: Log, otherwise: string, work: () => void): void {
  try {
    work();
  } catch (thrown) {
    if (!(thrown instanceof Mom4cError)) throw thrown;
    log.warn({ code: thrown.code, detail: thrown.detail }, otherwise);
  }
}

function warnOfLevels(partners: readonly Partner[], log: Log): void {
  for (const { domain: partner, level } of partners) {
    const warning = warningOf(level);
    if (warning !== undefined) log.warn({ partner, level, warning }, 'this partner is below the level sso');
  }
}

function hostsOf(partners: CurrentPartners): string[] {
  return partners.all().flatMap(({ hosts }) => hosts);
}

function metadataOf(federation: FederationSource | undefined): FederationMetadata | undefined {
  try {
    return federation?.get();
  } catch (thrown) {
    if (thrown instanceof Mom4cError) return undefined;
    throw thrown;
  }
}
