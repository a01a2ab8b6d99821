/**
 * The relying party's side of log-ins: requests that are open, and what becomes of an answer.
 *
 * INVARIANTS:
 *  - a request is for one stream; its handle is good for one visit, its id for one answer, good or bad;
 *  - a verdict is good only if an assertion answers this request, comes from the identity provider that it was sent to and
 *    that may vouch for the partner, was never used before, and names the domain that the stream's certificate names;
 *  - open requests are bounded, in all and for each partner, and end by themselves.
 */
import { type Clock, type Log, Mom4cError, type Random } from '@mom4c/core';
import {
  type AgentUrls,
  type Assertion,
  type IdpDescriptor,
  readPaosResponse,
  readResponse,
  redirectUrl,
  requestIdOf,
  writeAuthnRequest,
  writePaosRequest,
} from '@mom4c/saml';
import type { HostPair, SamlVerdicts } from '@mom4c/xmpp';
import type { Partner, Partners } from '../partner.ts';
import type { FederationSource } from './federation-metadata.ts';
import type { UsedAssertions } from './used-assertions.ts';
import { mayVouch } from './vouching.ts';

export type RelyingPartySettings = {
  /** Of our own agent. */
  readonly urls: AgentUrls;
  readonly federation: Pick<FederationSource, 'get'>;
  readonly partners: Pick<Partners, 'find'>;
  readonly used: UsedAssertions;
  /** URL of a discovery service that finds the identity provider, whatever the partner says of it. */
  readonly discovery: string | undefined;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
};

/** What a user's browser is told. */
export type StartAnswer = { readonly redirect: string } | { readonly paos: string };

export type RelyingParty = SamlVerdicts & {
  /** Steps 8 and 8a. @throws Mom4cError M4C_ASSERTION_REQUEST, M4C_METADATA */
  start(handle: string, binding: 'post' | 'paos'): StartAnswer;
  /** The user comes back from the discovery service. @throws Mom4cError as `start`, M4C_IDP_ANSWER */
  discovered(handle: string, idp: string | undefined): StartAnswer;
  /** Step 12. @param answer.text of the response, or of the envelope around it. @throws Mom4cError M4C_ASSERTION_… */
  consume(answer: { binding: 'post' | 'paos'; text: string; relayState: string | undefined }): void;
  readonly open: number;
  stop(): void;
};

type Pending = {
  readonly stream: string;
  readonly pair: HostPair;
  readonly authzid: string;
  readonly idp: IdpDescriptor | undefined;
  readonly end: (error?: Mom4cError) => void;
  handle: string;
  /** Set once the AuthnRequest has been made. */
  request: { id: string; relayState: string; binding: 'post' | 'paos'; idp: string } | undefined;
};

const MAX_OPEN = 256;
const MAX_OPEN_OF_PARTNER = 8;
const LIMIT_MS = 60_000;
const SKEW_MS = 60_000;
/** One that is good for longer would have to be remembered for longer. */
const MAX_VALIDITY_MS = 24 * 3600 * 1000;

export function createRelyingParty(settings: RelyingPartySettings): RelyingParty {
  const { urls, federation, partners, used, discovery, log, clock, random } = settings;
  const open = new Set<Pending>();
  const byHandle = new Map<string, Pending>();
  const byRequest = new Map<string, Pending>();

  const name = (): string => Buffer.from(random.bytes(32)).toString('base64url');

  function step(number: number, { pair, stream }: Pending, message: string): void {
    log.debug({ step: number, partner: pair.remote, direction: 'in', stream }, message);
  }

  /** The way on to an identity provider. */
  function ask(pending: Pending, idp: IdpDescriptor, binding: 'post' | 'paos'): StartAnswer {
    const id = `_${Buffer.from(random.bytes(20)).toString('hex')}`;
    const relayState = name();
    const { redirect } = idp.sso;
    if (binding === 'post' && redirect === undefined)
      throw new Mom4cError('M4C_METADATA', `${idp.entityId} offers no redirect binding`);
    const request = writeAuthnRequest({
      id,
      issueInstant: clock.now(),
      issuer: urls.entityId,
      destination: binding === 'paos' ? (idp.sso.soap ?? '') : redirect!,
      consumerUrl: urls.consumerUrls[binding],
      binding,
    });
    pending.request = { id, relayState, binding, idp: idp.entityId };
    byRequest.set(id, pending);
    step(8, pending, 'user sent on to the identity provider');
    if (binding === 'post') return { redirect: redirectUrl(redirect!, request, relayState) };
    const consumerUrl = urls.consumerUrls.paos;
    return { paos: writePaosRequest({ request, issuer: urls.entityId, consumerUrl, relayState }) };
  }

  function take(handle: string): Pending {
    const pending = byHandle.get(handle);
    if (!pending) throw new Mom4cError('M4C_ASSERTION_REQUEST', 'no log-in waits at this address');
    byHandle.delete(handle);
    return pending;
  }

  /** The one that the partner names; the only one that may vouch for it, if it names none. */
  function idpOf(named: string, partner: Partner): IdpDescriptor | undefined {
    const { idps } = federation.get();
    if (named === '') {
      const able = idps.filter((idp) => mayVouch(idp, partner));
      return able.length === 1 ? able[0] : undefined;
    }
    const idp = idps.find(({ entityId }) => entityId === named);
    if (!idp) throw new Mom4cError('M4C_PARTNER_LOGIN', 'the identity provider is not one of the federation');
    if (!mayVouch(idp, partner))
      throw new Mom4cError('M4C_PARTNER_LOGIN', `the identity provider may not vouch for ${partner.domain}`);
    return idp;
  }

  function check(pending: Pending, text: string): void {
    const request = pending.request!;
    const now = clock.now();
    // As they are now: keys, scopes and configuration may have changed since it was asked.
    const idps = federation.get().idps.filter(({ entityId }) => entityId === request.idp);
    const partner = partnerOf(pending.pair.remote);
    const assertion = readResponse(text, {
      idps,
      audience: urls.entityId,
      recipients: [urls.consumerUrls[request.binding]],
      requestId: request.id,
      now,
      skewMs: SKEW_MS,
    });
    const until = assertion.notOnOrAfter + SKEW_MS;
    if (until > now + MAX_VALIDITY_MS)
      throw new Mom4cError('M4C_ASSERTION_TIME', 'it is good for more than a day');
    used.use({ issuer: assertion.issuer, id: assertion.id, until });
    checkSubject(assertion, pending);
    if (!idps.some((idp) => mayVouch(idp, partner)))
      throw new Mom4cError('M4C_ASSERTION_SUBJECT', 'its identity provider may not vouch for it');
    checkAttributes(assertion, partner.attributes);
  }

  function partnerOf(domain: string): Partner {
    const partner = partners.find(domain);
    if (!partner) throw new Mom4cError('M4C_PARTNER_UNKNOWN', domain);
    if (partner.level !== 'sso') throw new Mom4cError('M4C_PARTNER_LEVEL', domain);
    return partner;
  }

  return {
    async begin({ stream, pair, authzid, idp: named, signal }) {
      const idp = idpOf(named, partnerOf(pair.remote));
      if (!idp && discovery === undefined)
        throw new Mom4cError('M4C_PARTNER_LOGIN', 'it names no identity provider');
      if (signal.aborted) throw new Mom4cError('M4C_PARTNER_STREAM', 'it ended');
      const ofPartner = [...open].filter(({ pair: { remote } }) => remote === pair.remote).length;
      if (open.size >= MAX_OPEN || ofPartner >= MAX_OPEN_OF_PARTNER)
        throw new Mom4cError('M4C_BUSY', 'too many log-ins wait for an assertion');

      const { promise: verdict, resolve, reject } = Promise.withResolvers<void>();
      verdict.catch(() => {}); // whoever asked may be gone
      const gone = (): void =>
        pending.end(new Mom4cError('M4C_PARTNER_STREAM', 'it ended before the assertion came'));
      const cancel = clock.after(LIMIT_MS, () =>
        pending.end(new Mom4cError('M4C_PARTNER_LOGIN', `no assertion within ${LIMIT_MS / 1000} s`)),
      );
      const pending: Pending = {
        stream,
        pair,
        authzid,
        idp,
        handle: name(),
        request: undefined,
        end(error) {
          if (!open.delete(pending)) return;
          cancel();
          signal.removeEventListener('abort', gone);
          byHandle.delete(pending.handle);
          if (pending.request) byRequest.delete(pending.request.id);
          if (error) reject(error);
          else resolve();
        },
      };
      open.add(pending);
      byHandle.set(pending.handle, pending);
      signal.addEventListener('abort', gone, { once: true });
      return { url: `${urls.agentUrl}${pending.handle}`, verdict };
    },

    start(handle, binding) {
      const pending = take(handle);
      return orEnd(pending, () => {
        if (pending.idp && (binding === 'paos' || discovery === undefined))
          return ask(pending, pending.idp, binding);
        // A client of PAOS chooses the identity provider itself, so there is nothing to discover for it.
        if (binding === 'paos' || discovery === undefined)
          throw new Mom4cError('M4C_PARTNER_LOGIN', 'it names no identity provider');
        pending.handle = name();
        byHandle.set(pending.handle, pending);
        step(8, pending, 'user sent on to the discovery service (8a)');
        return { redirect: discoveryRequest(discovery, urls, pending.handle) };
      });
    },

    discovered(handle, idp) {
      const pending = take(handle);
      return orEnd(pending, () => {
        const partner = partnerOf(pending.pair.remote);
        const found = federation.get().idps.find((one) => one.entityId === idp && mayVouch(one, partner));
        if (found) return ask(pending, found, 'post');
        throw new Mom4cError(
          'M4C_IDP_ANSWER',
          'the discovery service found no identity provider that may vouch for the partner',
        );
      });
    },

    consume({ binding, text, relayState }) {
      // Before anything is parsed: a stranger who sends what nobody asked for must cost next to nothing.
      const waiting = [...byRequest.values()].filter(({ request }) => request?.binding === binding);
      if (!waiting.some(({ request }) => binding === 'paos' || request?.relayState === relayState))
        throw new Mom4cError('M4C_ASSERTION_REQUEST');
      const answer = binding === 'paos' ? readPaosResponse(text) : { response: text, relayState };
      const pending = byRequest.get(requestIdOf(answer.response));
      const request = pending?.request;
      if (!pending || !request || request.binding !== binding || request.relayState !== answer.relayState)
        throw new Mom4cError('M4C_ASSERTION_REQUEST');
      orEnd(pending, () => check(pending, answer.response));
      step(12, pending, 'assertion good');
      pending.end();
    },

    get open() {
      return open.size;
    },
    stop() {
      for (const pending of open) pending.end(new Mom4cError('M4C_PARTNER_STREAM', 'the gateway stops'));
    },
  };
}

/** What fails ends the log-in: its stream need not wait for what cannot come any more. */
function orEnd<Result>(pending: Pending, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof Mom4cError) pending.end(error);
    throw error;
  }
}

/** SAML IdP Discovery Service Protocol §2.4.1. */
function discoveryRequest(service: string, { entityId, discoveryUrl }: AgentUrls, handle: string): string {
  const back = new URL(discoveryUrl);
  back.searchParams.set('handle', handle);
  const url = new URL(service);
  url.searchParams.set('entityID', entityId);
  url.searchParams.set('return', back.href);
  return url.href;
}

/** RFC 6595 binds nothing to the channel: this is what keeps a partner from passing on the log-in of another. */
function checkSubject({ subject }: Assertion, { pair, authzid }: Pending): void {
  if (subject !== pair.remote)
    throw new Mom4cError('M4C_ASSERTION_SUBJECT', 'it is not the partner of this stream');
  if (authzid !== pair.remote)
    throw new Mom4cError('M4C_ASSERTION_SUBJECT', 'it is not who the stream is to act for');
}

function checkAttributes(
  { attributes }: Assertion,
  wanted: Readonly<Record<string, readonly string[]>>,
): void {
  for (const [name, allowed] of Object.entries(wanted)) {
    const values = Object.hasOwn(attributes, name) ? attributes[name]! : [];
    if (!values.some((value) => allowed.includes(value)))
      throw new Mom4cError('M4C_ASSERTION_ATTRIBUTES', name);
  }
}
