// Mutations seen red: a challenge followed anywhere; any certificate of the agent taken; issuer, destination, consumer, binding or
// time of the request not looked at; the consumer of the envelope, or the page of the redirect, not compared; another media
// type taken for an offer; the entity, the way back or the choice of a discovery service not compared, or any service taken;
// text of the agent in the error; an agent without room taken for a refusal; the first identity provider taken for ours.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '@mom4c/core';
import {
  PAOS_MEDIA_TYPE,
  readPaosResponse,
  redirectUrl,
  writeAuthnRequest,
  writePaosRequest,
  type AuthnRequest,
} from '@mom4c/saml';
import type { Partner } from '../partner.ts';
import { isError } from '../test-fakes.ts';
import type { HttpsAnswer, HttpsRequest } from './https-client.ts';
import { createSamlUser, type UserSettings } from './user.ts';

const NOW = Date.UTC(2026, 0, 1);
const PAIR = { local: 'alpha.test', remote: 'beta.test' };
const { signal } = new AbortController();
const elsewhere = isError('M4C_AGENT_ADDRESS');
const IDP = {
  entityId: 'https://idp.test/',
  signingCertificates: [],
  sso: { redirect: 'https://idp.test/sso', soap: 'https://idp.test/ecp' },
};
const AGENT = {
  domain: 'beta.test',
  hosts: ['beta.test'],
  entityId: 'https://gw.beta.test/metadata',
  certificates: [Buffer.from('pinned')],
  s2s: undefined,
  agentUrl: 'https://gw.beta.test/log-in/',
  consumerUrls: { post: 'https://gw.beta.test/assertion', paos: 'https://gw.beta.test/assertion/paos' },
  discoveryUrl: 'https://gw.beta.test/discovery',
};
const CHALLENGE = `${AGENT.agentUrl}handle`;
const BETA = { domain: 'beta.test', agent: AGENT, certificates: AGENT.certificates } as unknown as Partner;
const PLAIN: HttpsAnswer = { status: 200, location: undefined, type: '', cookies: [], text: '' };
const RESPONSE = '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r"/>';

const request = (binding: 'post' | 'paos', changed: Partial<AuthnRequest> = {}): string =>
  writeAuthnRequest({
    id: '_1',
    issueInstant: NOW,
    issuer: AGENT.entityId,
    destination: binding === 'post' ? IDP.sso.redirect : IDP.sso.soap,
    consumerUrl: AGENT.consumerUrls[binding],
    binding,
    ...changed,
  });
const envelope = (
  changed: Partial<AuthnRequest> = {},
  consumerUrl: string = AGENT.consumerUrls.paos,
): HttpsAnswer => {
  const offer = {
    request: request('paos', changed),
    issuer: AGENT.entityId,
    consumerUrl,
    relayState: 'state',
  };
  return { ...PLAIN, type: PAOS_MEDIA_TYPE, text: writePaosRequest(offer) };
};
const redirect = (to: string): HttpsAnswer => ({ ...PLAIN, status: 302, location: new URL(to) });
const toIdp = (changed: Partial<AuthnRequest> = {}, sso = IDP.sso.redirect): HttpsAnswer =>
  redirect(redirectUrl(sso, request('post', changed), 'state'));

/** A user to whom the network answers one after the other, and whose session at the identity provider is good. */
function setUp(answers: readonly HttpsAnswer[], changed: Partial<UserSettings> = {}) {
  const asked: HttpsRequest[] = [];
  const sessions: string[] = [];
  const answer = (origin: string): Promise<never> => {
    sessions.push(origin);
    const form = { SAMLResponse: 'cg==', RelayState: 'state' };
    return Promise.resolve((settings.method === 'ecp' ? RESPONSE : form) as never);
  };
  const settings: UserSettings = {
    idp: IDP.entityId,
    method: 'ecp',
    session: { answer, status: () => assert.fail() },
    trust: { kind: 'authorities', ca: 'of the identity provider' },
    federation: { get: () => ({ idps: [IDP], gateways: [], validUntil: 0, digest: '', leftOut: [] }) },
    partners: { find: (domain) => (domain === 'beta.test' ? BETA : undefined) },
    discovery: undefined,
    https: (ask) => {
      asked.push(ask);
      return Promise.resolve(answers[asked.length - 1] ?? assert.fail(`asked of ${ask.url.href}`));
    },
    log: silentLog,
    clock: { now: () => NOW },
    ...changed,
  };
  const user = createSamlUser(settings);
  const logIn = (url = CHALLENGE, pair = PAIR): Promise<void> =>
    user.logIn({ url, pair, stream: 's', signal });
  return { user, logIn, asked, sessions, where: () => asked.map(({ url }) => url.href) };
}

test('by ECP: from the challenge to the identity provider, and with its answer to the consumer, under pins', async () => {
  const { logIn, asked, sessions, where } = setUp([envelope(), PLAIN]);
  await logIn();
  assert.deepEqual([where(), sessions], [[CHALLENGE, AGENT.consumerUrls.paos], ['https://idp.test']]);
  for (const { trust } of asked)
    assert.deepEqual(trust, { kind: 'pinned', certificates: AGENT.certificates });
  const { body } = asked[1]!;
  assert.equal(body?.type, PAOS_MEDIA_TYPE);
  const { response, relayState } = readPaosResponse(body.text);
  assert.deepEqual([response.includes('ID="_r"'), relayState], [true, 'state']);
});

test('by redirect: the same, with a form', async () => {
  const { logIn, asked, sessions, where } = setUp([toIdp(), PLAIN], { method: 'form' });
  await logIn();
  assert.deepEqual([where(), sessions], [[CHALLENGE, AGENT.consumerUrls.post], ['https://idp.test']]);
  assert.equal(asked[1]!.body?.text, 'SAMLResponse=cg%3D%3D&RelayState=state');
});

test('a challenge that leads elsewhere is not followed; of whom nothing is known, nor', async () => {
  for (const method of ['ecp', 'form'] as const) {
    const { logIn, where } = setUp([], { method });
    for (const url of [
      'https://gw.gamma.test/log-in/x',
      'https://gw.beta.test/x',
      'http://gw.beta.test/log-in/x',
      'x',
    ])
      await assert.rejects(logIn(url), elsewhere, url);
    await assert.rejects(logIn(CHALLENGE, { ...PAIR, remote: 'gamma.test' }), isError('M4C_PARTNER_UNKNOWN'));
    assert.deepEqual(where(), []);
  }
  const unknown = setUp([], { partners: { find: () => ({ ...BETA, agent: undefined }) } });
  await assert.rejects(unknown.logIn(), isError('M4C_METADATA', /no authentication agent of beta/));
});

test('a request of another, for another, for elsewhere or of another time is not carried', async () => {
  const other = 'https://other.test/';
  const page = `${IDP.sso.redirect}?more=1`;
  const late = { issueInstant: NOW - 120_001 };
  const cases: readonly (readonly ['ecp' | 'form', HttpsAnswer, ReturnType<typeof isError>])[] = [
    ['ecp', envelope({ issuer: other }), elsewhere],
    ['ecp', envelope({ destination: other }), elsewhere],
    ['ecp', envelope({ consumerUrl: other }), elsewhere],
    ['ecp', envelope({}, other), elsewhere],
    ['ecp', envelope({ binding: 'post' }), elsewhere],
    ['ecp', envelope(late), isError('M4C_IDP_ANSWER')],
    ['form', toIdp({ issuer: other }), elsewhere],
    ['form', toIdp({ destination: other }), elsewhere],
    ['form', toIdp({ consumerUrl: other }), elsewhere],
    ['form', toIdp({}, other), elsewhere],
    ['form', toIdp({ destination: page }, page), elsewhere],
    ['form', toIdp({ binding: 'paos' }), elsewhere],
    ['form', toIdp(late), isError('M4C_IDP_ANSWER')],
  ];
  for (const [index, [method, offer, refusal]] of cases.entries()) {
    const { logIn, sessions, where } = setUp([offer], { method });
    await assert.rejects(logIn(), refusal, String(index));
    assert.deepEqual(
      [sessions, where()],
      [[], [CHALLENGE]],
      'neither identity provider nor consumer were asked',
    );
  }
});

test('what the agent refuses with is told by its code, and by nothing else of its text', async () => {
  for (const [answer, refusal] of [
    [
      { status: 403, text: 'M4C_ASSERTION_TIME\n' },
      isError('M4C_PARTNER_LOGIN', /answers 403 M4C_ASSERTION_TIME$/),
    ],
    [{ status: 403, text: 'M4C_ASSERTION_TIME\nmore' }, isError('M4C_PARTNER_LOGIN', /answers 403$/)],
    [{ status: 404, text: '<script>' }, isError('M4C_PARTNER_LOGIN', /answers 404$/)],
    [{ status: 429, text: '' }, isError('M4C_PARTNER_STREAM', /answers 429$/)],
    [{ status: 503, text: 'M4C_BUSY\n' }, isError('M4C_PARTNER_STREAM', /answers 503 M4C_BUSY$/)],
  ] as const)
    for (const before of [[], [envelope()]])
      await assert.rejects(setUp([...before, { ...PLAIN, ...answer }]).logIn(), refusal);
  await assert.rejects(setUp([{ ...envelope(), type: 'text/html' }]).logIn(), isError('M4C_PARTNER_LOGIN'));
});

test('which identity provider is ours: the one that is named, or the only one', async () => {
  const idps = [{ ...IDP, entityId: 'https://second.test/' }, IDP];
  const of = (list: readonly object[]) =>
    ({ get: () => ({ idps: list }) }) as unknown as UserSettings['federation'];
  assert.equal(setUp([]).user.idp, IDP.entityId);
  assert.equal(setUp([], { idp: undefined }).user.idp, '');
  await setUp([envelope(), PLAIN], { idp: undefined }).logIn();
  await setUp([envelope(), PLAIN], { federation: of(idps) }).logIn();
  for (const changed of [{ idp: undefined, federation: of(idps) }, { idp: 'https://third.test/' }])
    await assert.rejects(setUp([], changed).logIn(), isError('M4C_METADATA', /which identity provider/));
  for (const method of ['ecp', 'form'] as const)
    await assert.rejects(
      setUp([], { method, federation: of([{ ...IDP, sso: {} }]) }).logIn(),
      isError('M4C_METADATA', /offer/),
    );
});

test('by way of a discovery service that is known, which may choose our identity provider, and send back to the partner', async () => {
  const DISCOVERY = 'https://ds.test/choose?x=1';
  const back = `${AGENT.discoveryUrl}?handle=h`;
  const ask = (fields: Readonly<Record<string, string>>, service = 'https://ds.test/choose'): HttpsAnswer =>
    redirect(`${service}?${new URLSearchParams(fields).toString()}`);
  const good = { entityID: AGENT.entityId, return: back };
  const chosen = `${back}&entityID=${encodeURIComponent(IDP.entityId)}`;
  const via = (...answers: HttpsAnswer[]) => setUp(answers, { method: 'form', discovery: DISCOVERY });

  for (const service of [redirect(chosen), PLAIN]) {
    const { logIn, where, asked } = via(ask(good), service, toIdp(), PLAIN);
    await logIn();
    assert.deepEqual(where().slice(2), [chosen, AGENT.consumerUrls.post]);
    assert.deepEqual(
      asked.map(({ trust }) => trust.kind),
      ['pinned', 'authorities', 'pinned', 'pinned'],
    );
  }
  const named = via(ask({ ...good, returnIDParam: 'idp' }), PLAIN, toIdp(), PLAIN);
  await named.logIn();
  assert.equal(named.where()[2], `${back}&idp=${encodeURIComponent(IDP.entityId)}`);

  for (const [asks, answers] of [
    [1, [ask({ ...good, entityID: 'https://gw.gamma.test/metadata' })]],
    [1, [ask({ ...good, return: 'https://gw.gamma.test/discovery?handle=h' })]],
    [1, [ask({ ...good, return: `${AGENT.agentUrl}x` })]],
    [1, [ask(good, 'https://other.test/choose')]],
    [2, [ask(good), redirect(`${back}&entityID=https://other.test/`)]],
    [2, [ask(good), redirect('https://other.test/')]],
  ] as const) {
    const { logIn, where, sessions } = via(...answers);
    await assert.rejects(logIn(), elsewhere);
    assert.deepEqual([where().length, sessions], [asks, []]);
  }
  await assert.rejects(
    via(ask(good), { ...PLAIN, status: 500 }).logIn(),
    isError('M4C_IDP_ANSWER', /answers 500/),
  );
  await assert.rejects(
    setUp([ask(good)], { method: 'form' }).logIn(),
    elsewhere,
    'of a service that nobody knows',
  );
});
