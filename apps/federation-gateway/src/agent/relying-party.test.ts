// Mutations seen red: an answer parsed while nobody waits for one, or with the relay state of none that waits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog, systemRandom } from '@mom4c/core';
import { createRelyingParty, type RelyingPartySettings } from './relying-party.ts';
import { fakeClock, isError } from '../test-fakes.ts';

const { signal } = new AbortController();
const IDP = { entityId: 'https://idp.test/', certificates: [], sso: { redirect: 'https://idp.test/sso' } };
const PARTNER = { level: 'sso', attributes: {} };

function setUp() {
  return createRelyingParty({
    urls: {
      entityId: 'https://alpha.test/sp',
      agentUrl: 'https://alpha.test/in/',
      discoveryUrl: 'https://alpha.test/ds',
      consumerUrls: { post: 'https://alpha.test/post', paos: 'https://alpha.test/paos' },
    },
    federation: { get: () => ({ idps: [IDP] }) as never },
    partners: { find: () => PARTNER as never },
    used: { use: () => {}, close: () => {} } as unknown as RelyingPartySettings['used'],
    discovery: undefined,
    log: silentLog,
    clock: fakeClock(),
    random: systemRandom,
  });
}

test('what nobody waits for is not even parsed', async () => {
  const relyingParty = setUp();
  const unasked = isError('M4C_ASSERTION_REQUEST');
  const garbage = '<not XML';
  for (const binding of ['post', 'paos'] as const)
    assert.throws(() => relyingParty.consume({ binding, text: garbage, relayState: 'x' }), unasked);
  const { url, verdict } = await relyingParty.begin({
    stream: 's1',
    pair: { local: 'alpha.test', remote: 'beta.test' },
    authzid: 'beta.test',
    idp: '',
    signal,
  });
  verdict.catch(() => {});
  assert.throws(() => relyingParty.consume({ binding: 'post', text: garbage, relayState: 'x' }), unasked);
  const answer = relyingParty.start(url.slice('https://alpha.test/in/'.length), 'post');
  const relayState = 'redirect' in answer ? new URL(answer.redirect).searchParams.get('RelayState')! : '';
  for (const other of [undefined, 'x', `${relayState}x`])
    assert.throws(() => relyingParty.consume({ binding: 'post', text: garbage, relayState: other }), unasked);
  assert.throws(() => relyingParty.consume({ binding: 'paos', text: garbage, relayState }), unasked);
  assert.throws(
    () => relyingParty.consume({ binding: 'post', text: garbage, relayState }),
    isError('M4C_ASSERTION_MALFORMED'),
  );
  relyingParty.stop();
});
