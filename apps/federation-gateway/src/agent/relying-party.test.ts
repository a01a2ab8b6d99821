// Mutations seen red: an answer parsed while nobody waits for one, or with the relay state of none that waits; a handle good
// for a second visit, or for the way back as well; the end of a stream not listened to; a timer left behind; scopes and names
// not asked at the beginning, nor where none is named, nor of the discovery service; no limit for a partner, or one that
// counts the others; the level not looked at.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog, systemRandom } from '@mom4c/core';
import { readAuthnRequest, readPaosRequest, readRedirect } from '@mom4c/saml';
import type { Partner } from '../partner.ts';
import { fakeClock, isError } from '../test-fakes.ts';
import {
  createRelyingParty,
  type RelyingParty,
  type RelyingPartySettings,
  type StartAnswer,
} from './relying-party.ts';

const unasked = isError('M4C_ASSERTION_REQUEST');
const IDP = {
  entityId: 'https://idp.test/',
  signingCertificates: [],
  sso: { redirect: 'https://idp.test/sso', soap: 'https://idp.test/ecp' },
};
const SECOND = { ...IDP, entityId: 'https://second.test/', sso: { redirect: 'https://second.test/sso' } };
const URLS = {
  entityId: 'https://alpha.test/sp',
  agentUrl: 'https://alpha.test/in/',
  discoveryUrl: 'https://alpha.test/ds',
  consumerUrls: { post: 'https://alpha.test/post', paos: 'https://alpha.test/paos' },
};
const PARTNERS: Readonly<Record<string, Partial<Partner>>> = {
  'beta.test': { level: 'sso' },
  'gamma.test': { level: 'sso', identityProviders: { only: ['https://second.test/'] } },
  'delta.test': { level: 'encrypted' },
};

function setUp({
  idps = [IDP],
  ...changed
}: { idps?: readonly object[] } & Partial<RelyingPartySettings> = {}) {
  const clock = fakeClock();
  const relyingParty = createRelyingParty({
    urls: URLS,
    federation: { get: () => ({ idps }) as never },
    partners: {
      find: (domain) => PARTNERS[domain] && ({ domain, attributes: {}, ...PARTNERS[domain] } as Partner),
    },
    used: { use: () => {}, close: () => {} },
    discovery: undefined,
    log: silentLog,
    clock,
    random: systemRandom,
    ...changed,
  });
  return { clock, relyingParty };
}

/** A stream of `remote` that waits. */
async function wait(relyingParty: RelyingParty, remote = 'beta.test', idp = '') {
  const ending = new AbortController();
  const { url, verdict } = await relyingParty.begin({
    stream: 's',
    pair: { local: 'alpha.test', remote },
    authzid: remote,
    idp,
    signal: ending.signal,
  });
  assert.ok(url.startsWith(URLS.agentUrl));
  return { handle: url.slice(URLS.agentUrl.length), verdict, end: () => ending.abort() };
}

const redirectOf = (answer: StartAnswer): string =>
  'redirect' in answer ? answer.redirect : assert.fail('no redirect');

test('what nobody waits for is not even parsed', async () => {
  const { relyingParty } = setUp();
  const garbage = '<not XML';
  for (const binding of ['post', 'paos'] as const)
    assert.throws(() => relyingParty.consume({ binding, text: garbage, relayState: 'x' }), unasked);
  const { handle } = await wait(relyingParty);
  assert.throws(() => relyingParty.consume({ binding: 'post', text: garbage, relayState: 'x' }), unasked);
  const { relayState } = readRedirect(redirectOf(relyingParty.start(handle, 'post')));
  for (const other of [undefined, 'x', `${relayState}x`])
    assert.throws(() => relyingParty.consume({ binding: 'post', text: garbage, relayState: other }), unasked);
  assert.throws(() => relyingParty.consume({ binding: 'paos', text: garbage, relayState }), unasked);
  assert.throws(
    () => relyingParty.consume({ binding: 'post', text: garbage, relayState }),
    isError('M4C_ASSERTION_MALFORMED'),
  );
  relyingParty.stop();
});

test('only a partner of the level sso begins, by an identity provider that may vouch for it', async () => {
  const { relyingParty } = setUp({ idps: [IDP, { ...SECOND, scopes: ['gamma.test'] }] });
  const { handle } = await wait(relyingParty, 'beta.test', IDP.entityId);
  assert.ok(redirectOf(relyingParty.start(handle, 'post')).startsWith(`${IDP.sso.redirect}?`));
  await wait(relyingParty, 'gamma.test', SECOND.entityId);
  for (const [remote, idp, refusal] of [
    ['omega.test', IDP.entityId, isError('M4C_PARTNER_UNKNOWN')],
    ['delta.test', IDP.entityId, isError('M4C_PARTNER_LEVEL')],
    ['beta.test', 'https://other.test/', isError('M4C_PARTNER_LOGIN', /not one of the federation/)],
    ['beta.test', SECOND.entityId, isError('M4C_PARTNER_LOGIN', /may not vouch for beta/)],
    ['gamma.test', IDP.entityId, isError('M4C_PARTNER_LOGIN', /may not vouch for gamma/)],
  ] as const)
    await assert.rejects(wait(relyingParty, remote, idp), refusal, `${remote} ${idp}`);
  assert.equal(relyingParty.open, 2);
  relyingParty.stop();
});

test('who names no identity provider is sent to the only one that may vouch for it', async () => {
  const { relyingParty } = setUp({ idps: [IDP, SECOND] });
  const { handle } = await wait(relyingParty, 'gamma.test');
  assert.ok(redirectOf(relyingParty.start(handle, 'post')).startsWith(`${SECOND.sso.redirect}?`));
  await assert.rejects(wait(relyingParty), isError('M4C_PARTNER_LOGIN', /names no/));
  relyingParty.stop();
});

test('a request says who asks, where the answer is to go, and is another each time', async () => {
  const { relyingParty } = setUp();
  const states = new Set<string>();
  for (let round = 0; round < 2; round += 1) {
    const { handle } = await wait(relyingParty);
    const { sso, request, relayState } = readRedirect(redirectOf(relyingParty.start(handle, 'post')));
    const { id, issuer, destination, consumerUrl, binding } = readAuthnRequest(request);
    assert.deepEqual(
      [sso, issuer, destination, consumerUrl, binding],
      [IDP.sso.redirect, URLS.entityId, IDP.sso.redirect, URLS.consumerUrls.post, 'post'],
    );
    for (const value of [id, relayState!, handle]) states.add(value);
  }
  assert.equal(states.size, 6);
  const { handle } = await wait(relyingParty);
  const offer = relyingParty.start(handle, 'paos');
  const paos = readPaosRequest('paos' in offer ? offer.paos : assert.fail('no PAOS'));
  assert.equal(paos.consumerUrl, URLS.consumerUrls.paos);
  assert.equal(readAuthnRequest(paos.request).destination, IDP.sso.soap);
  relyingParty.stop();
});

test('a handle is good for one visit, as long as its stream, and for a minute', async () => {
  const { relyingParty, clock } = setUp();
  const visited = await wait(relyingParty);
  relyingParty.start(visited.handle, 'post');
  assert.throws(() => relyingParty.start(visited.handle, 'post'), unasked);
  assert.throws(() => relyingParty.discovered(visited.handle, IDP.entityId), unasked);
  const gone = await wait(relyingParty);
  gone.end();
  await assert.rejects(gone.verdict, isError('M4C_PARTNER_STREAM'));
  assert.throws(() => relyingParty.start(gone.handle, 'post'), unasked);
  clock.advance(59_999);
  const late = await wait(relyingParty);
  clock.advance(1);
  await assert.rejects(visited.verdict, isError('M4C_PARTNER_LOGIN', /60 s/));
  relyingParty.start(late.handle, 'post');
  assert.equal(relyingParty.open, 1);
  relyingParty.stop();
  await assert.rejects(late.verdict, isError('M4C_PARTNER_STREAM'));
  assert.deepEqual([relyingParty.open, clock.timers], [0, 0]);
});

test('of one partner only eight wait, those of others beside them, and none whose stream has ended', async () => {
  const { relyingParty } = setUp({ idps: [IDP, SECOND] });
  const waiting = await Promise.all(
    Array.from({ length: 8 }, () => wait(relyingParty, 'beta.test', IDP.entityId)),
  );
  await assert.rejects(wait(relyingParty, 'beta.test', IDP.entityId), isError('M4C_BUSY'));
  await wait(relyingParty, 'gamma.test');
  waiting[0]!.end();
  await wait(relyingParty, 'beta.test', IDP.entityId);
  const ended = {
    stream: 's',
    pair: { local: 'alpha.test', remote: 'gamma.test' },
    authzid: 'gamma.test',
    idp: '',
  };
  await assert.rejects(
    relyingParty.begin({ ...ended, signal: AbortSignal.abort() }),
    isError('M4C_PARTNER_STREAM'),
  );
  assert.equal(relyingParty.open, 9);
  relyingParty.stop();
});

test('the discovery service chooses among those that may vouch, once, and knows only where to send the user back', async () => {
  const { relyingParty } = setUp({ idps: [IDP, SECOND], discovery: 'https://ds.test/choose?a=1' });
  const found = async (remote: string, idp: string | undefined): Promise<StartAnswer> => {
    const { handle, verdict } = await wait(relyingParty, remote);
    const to = new URL(redirectOf(relyingParty.start(handle, 'post')));
    const back = new URL(to.searchParams.get('return')!);
    assert.deepEqual(
      [`${to.origin}${to.pathname}`, to.searchParams.get('entityID'), `${back.origin}${back.pathname}`],
      ['https://ds.test/choose', URLS.entityId, URLS.discoveryUrl],
    );
    const next = back.searchParams.get('handle')!;
    assert.notEqual(next, handle);
    try {
      return relyingParty.discovered(next, idp);
    } catch (error) {
      await assert.rejects(verdict, isError('M4C_IDP_ANSWER'));
      throw error;
    } finally {
      assert.throws(() => relyingParty.discovered(next, idp), unasked);
    }
  };
  assert.ok(redirectOf(await found('beta.test', SECOND.entityId)).startsWith(SECOND.sso.redirect));
  for (const [remote, idp] of [
    ['beta.test', 'https://other.test/'],
    ['beta.test', undefined],
  ] as const)
    await assert.rejects(found(remote, idp), isError('M4C_IDP_ANSWER'));
  const named = await wait(relyingParty, 'beta.test', IDP.entityId);
  assert.ok(
    redirectOf(relyingParty.start(named.handle, 'post')).startsWith('https://ds.test/'),
    'whatever the partner says of it',
  );
  const paos = await wait(relyingParty, 'beta.test', IDP.entityId);
  assert.ok('paos' in relyingParty.start(paos.handle, 'paos'), 'a client of PAOS chooses itself');
  relyingParty.stop();
});

test('the discovery service cannot choose one that may not vouch for the partner', async () => {
  const { relyingParty } = setUp({ idps: [IDP, SECOND], discovery: 'https://ds.test/' });
  for (const [idp, goesOn] of [
    [SECOND.entityId, true],
    [IDP.entityId, false],
  ] as const) {
    const { handle } = await wait(relyingParty, 'gamma.test');
    const to = new URL(redirectOf(relyingParty.start(handle, 'post')));
    const next = new URL(to.searchParams.get('return')!).searchParams.get('handle')!;
    const choose = (): StartAnswer => relyingParty.discovered(next, idp);
    if (goesOn) assert.ok(redirectOf(choose()).startsWith(SECOND.sso.redirect));
    else assert.throws(choose, isError('M4C_IDP_ANSWER'));
  }
  relyingParty.stop();
});
