/**
 * The user's side of log-ins: goes where the partner's challenge leads, by way of the identity provider, and brings the
 * assertion. Everything on that way is pinned for this stream's partner: else a partner to whom this domain logs in could
 * have it log in somewhere else for himself.
 */
import { type Clock, type Log, Mom4cError } from '@mom4c/core';
import {
  type AuthnRequest,
  type GatewayDescriptor,
  PAOS_HEADER,
  PAOS_MEDIA_TYPE,
  type IdpDescriptor,
  readAuthnRequest,
  readPaosRequest,
  readRedirect,
  writePaosResponse,
} from '@mom4c/saml';
import type { HostPair, SamlUser } from '@mom4c/xmpp';
import type { Partners } from '../partner.ts';
import type { FederationSource } from './federation-metadata.ts';
import type { Faults, HttpsAnswer, HttpsClient, HttpsRequest, Trust } from './https-client.ts';
import type { IdpSession } from './idp-session.ts';
import { type FormAnswer, walkEcp, walkForms } from './idp-walk.ts';
import type { IdpCredentials } from './log-in-settings.ts';
import { at, below, same } from './pinned-address.ts';

export type UserSettings = {
  /** Entity id of the identity provider at which this domain has its account; undefined: the only one there is. */
  readonly idp: string | undefined;
  readonly method: IdpCredentials['method'];
  readonly session: IdpSession<IdpCredentials>;
  /** Of the web servers of identity provider and discovery service. */
  readonly trust: Trust;
  readonly federation: Pick<FederationSource, 'get'>;
  readonly partners: Pick<Partners, 'find'>;
  /** URL of a discovery service, beside the one of the metadata. */
  readonly discovery: string | undefined;
  readonly https: HttpsClient;
  readonly log: Log;
  readonly clock: Pick<Clock, 'now'>;
};

type LogIn = {
  readonly agent: GatewayDescriptor;
  readonly idp: IdpDescriptor;
  readonly url: URL;
  readonly signal: AbortSignal;
  readonly step: (number: number, message: string) => void;
  /** One request to the partner's agent, whose certificate is pinned. */
  readonly toAgent: (request: Pick<HttpsRequest, 'url' | 'headers' | 'body'>) => Promise<HttpsAnswer>;
};

/** Two clocks that are each wrong by as much as an assertion may be. */
const SKEW_MS = 120_000;
/** SAML profiles §4.2.3.1. */
const PAOS_HEADERS = { accept: PAOS_MEDIA_TYPE, paos: PAOS_HEADER };
const DISCOVERY_FAULTS: Faults = {
  what: 'discovery service',
  unreachable: 'M4C_IDP_UNREACHABLE',
  untrusted: 'M4C_IDP_UNREACHABLE',
  answer: 'M4C_IDP_ANSWER',
};

export function createSamlUser(settings: UserSettings): SamlUser {
  const { partners, federation, https, log, clock } = settings;

  function begin(url: string, pair: HostPair, stream: string, signal: AbortSignal): LogIn {
    const partner = partners.find(pair.remote);
    if (!partner) throw new Mom4cError('M4C_PARTNER_UNKNOWN', pair.remote);
    const { agent, certificates } = partner;
    if (!agent) throw new Mom4cError('M4C_METADATA', `they have no authentication agent of ${pair.remote}`);
    const idp = ownIdp(federation.get().idps, settings.idp);
    const faults: Faults = {
      what: `authentication agent of ${pair.remote}`,
      unreachable: 'M4C_PARTNER_STREAM',
      untrusted: 'M4C_AGENT_ADDRESS',
      answer: 'M4C_IDP_ANSWER',
    };
    const trust: Trust = { kind: 'pinned', certificates };
    return {
      agent,
      idp,
      url: below(agent.agentUrl, url, 'the challenge'),
      signal,
      step: (number, message) =>
        log.debug({ step: number, partner: pair.remote, direction: 'out', stream }, message),
      toAgent: (request) => https({ ...request, trust, faults }, signal),
    };
  }

  async function byEcp(logIn: LogIn): Promise<void> {
    const { agent, idp, url, signal, step, toAgent } = logIn;
    if (idp.sso.soap === undefined)
      throw new Mom4cError('M4C_METADATA', `${idp.entityId} does not offer ECP`);
    step(7, 'asks at the address of the challenge');
    const offer = await toAgent({ url, headers: PAOS_HEADERS });
    if (offer.status !== 200 || offer.type !== PAOS_MEDIA_TYPE) throw refusedBy(offer);
    const paos = readPaosRequest(offer.text);
    same(agent.consumerUrls.paos, paos.consumerUrl, 'the consumer of the assertion');
    const { soap } = idp.sso;
    checkRequest(paos.request, clock.now(), agent, {
      destination: soap,
      consumerUrl: agent.consumerUrls.paos,
      binding: 'paos',
    });
    const endpoint = new URL(soap);
    const ask = {
      endpoint,
      request: paos.request,
      consumerUrl: paos.consumerUrl,
      https,
      trust: settings.trust,
      signal,
    };
    step(9, 'goes to the identity provider');
    const response = await settings.session.answer(
      endpoint.origin,
      (jar, credentials) => walkEcp(ask, jar, credentials),
      signal,
    );
    step(10, 'has an assertion');
    step(11, 'brings it to the agent of the partner');
    const text = writePaosResponse({ response, relayState: paos.relayState });
    const answer = await toAgent({
      url: new URL(agent.consumerUrls.paos),
      body: { type: PAOS_MEDIA_TYPE, text },
    });
    if (answer.status !== 200) throw refusedBy(answer);
  }

  async function byRedirect(logIn: LogIn): Promise<void> {
    const { agent, idp, url, signal, step, toAgent } = logIn;
    if (idp.sso.redirect === undefined)
      throw new Mom4cError('M4C_METADATA', `${idp.entityId} offers no redirect`);
    step(7, 'asks at the address of the challenge');
    let offer = await toAgent({ url });
    const services = [federation.get().discovery, settings.discovery].filter(
      (service) => service !== undefined,
    );
    const service = services.find((known) => offer.location && isAt(known, offer.location));
    if (offer.location && service !== undefined)
      offer = await toAgent({ url: await discover(logIn, offer.location) });
    if (!offer.location) throw refusedBy(offer);
    at(idp.sso.redirect, offer.location.href, 'the redirect');
    const { sso, request } = readRedirect(offer.location.href);
    same(idp.sso.redirect, sso, 'the identity provider of the redirect');
    checkRequest(request, clock.now(), agent, {
      destination: sso,
      consumerUrl: agent.consumerUrls.post,
      binding: 'post',
    });
    const start = offer.location;
    const ask = { start, consumerUrl: agent.consumerUrls.post, https, trust: settings.trust, signal };
    step(9, 'goes to the identity provider');
    const answered: FormAnswer = await settings.session.answer(
      start.origin,
      (jar, credentials) => walkForms(ask, jar, credentials),
      signal,
    );
    step(10, 'has an assertion');
    step(11, 'brings it to the agent of the partner');
    const body = {
      type: 'application/x-www-form-urlencoded',
      text: new URLSearchParams(Object.entries(answered)).toString(),
    };
    const answer = await toAgent({ url: new URL(agent.consumerUrls.post), body });
    if (answer.status !== 200) throw refusedBy(answer);
  }

  /** SAML IdP Discovery Service Protocol. @returns where to go on, at the agent */
  async function discover({ agent, idp, signal, step }: LogIn, location: URL): Promise<URL> {
    if (agent.discoveryUrl === undefined)
      throw new Mom4cError('M4C_AGENT_ADDRESS', 'the partner has no address for discovery');
    same(
      agent.entityId,
      location.searchParams.get('entityID') ?? '',
      'the entity id for the discovery service',
    );
    const back = at(
      agent.discoveryUrl,
      location.searchParams.get('return') ?? '',
      'the way back from the discovery service',
    );
    const parameter = location.searchParams.get('returnIDParam') ?? 'entityID';
    step(8, 'goes to the discovery service (8a)');
    const answer = await https({ url: location, trust: settings.trust, faults: DISCOVERY_FAULTS }, signal);
    if (answer.status !== 200 && !answer.location)
      throw new Mom4cError('M4C_IDP_ANSWER', `the discovery service answers ${answer.status}`);
    // A page is a question to a person, who would choose what is known here.
    back.searchParams.set(parameter, idp.entityId);
    if (!answer.location) return back;
    same(back.href, answer.location.href, 'what the discovery service chose');
    return back;
  }

  return {
    // Without a name the partner takes the only one that the metadata have.
    idp: settings.idp ?? '',
    async logIn({ url, pair, stream, signal }) {
      const logIn = begin(url, pair, stream, signal);
      await (settings.method === 'ecp' ? byEcp(logIn) : byRedirect(logIn));
    },
  };
}

function ownIdp(idps: readonly IdpDescriptor[], named: string | undefined): IdpDescriptor {
  const idp =
    named === undefined && idps.length === 1 ? idps[0] : idps.find(({ entityId }) => entityId === named);
  if (!idp)
    throw new Mom4cError('M4C_METADATA', 'which identity provider is that of this domain they do not say');
  return idp;
}

function isAt(pinned: string, url: URL): boolean {
  const known = new URL(pinned);
  return known.origin === url.origin && known.pathname === url.pathname;
}

/** Who asks for the assertion, of whom, and where it is to go. */
function checkRequest(
  xml: string,
  now: number,
  { entityId }: GatewayDescriptor,
  expected: Pick<AuthnRequest, 'destination' | 'consumerUrl' | 'binding'>,
): void {
  const request = readAuthnRequest(xml, { now, skewMs: SKEW_MS });
  same(entityId, request.issuer, 'who asks for the assertion');
  same(expected.destination, request.destination, 'the identity provider of the request');
  same(expected.consumerUrl, request.consumerUrl, 'the consumer of the assertion');
  same(expected.binding, request.binding, 'the binding of the assertion');
}

/** The agent says its code, if it is one of ours; nothing else of its text goes into an error. */
function refusedBy({ status, text }: HttpsAnswer): Mom4cError {
  const code = /^(M4C_[A-Z_]{1,40})\n?$/.exec(text)?.[1];
  const detail = `its agent answers ${status}${code === undefined ? '' : ` ${code}`}`;
  return new Mom4cError(status === 429 || status >= 500 ? 'M4C_PARTNER_STREAM' : 'M4C_PARTNER_LOGIN', detail);
}
