// Mutations seen red: scopes and names not asked of the answer; assertions not remembered, or without their issuer; any
// identity provider of the federation taken as the one that was asked; subject or authzid not compared; a day not the limit;
// one attribute of two enough; a stream left waiting after a bad answer.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ErrorCode, silentLog, systemClock, systemRandom } from '@mom4c/core';
import { createRelyingParty, openUsedAssertions, type Partner } from '@mom4c/federation-gateway';
import { readAuthnRequest, readRedirect, type IdpDescriptor } from '@mom4c/saml';
import { isError } from '../support/is-error.ts';
import { type Claims, honestResponse, responseText, signedAssertion } from '../support/saml-forge.ts';
import { testKey } from './test-keys.ts';

const [one, two] = [await testKey(), await testKey()];
const idpOf = (name: string, { certificate }: typeof one): IdpDescriptor => ({
  entityId: `https://${name}.test/`,
  signingCertificates: [certificate],
  sso: { redirect: `https://${name}.test/sso` },
});
const HOUR = 3_600_000;
/** Stands still. */
const clock = { ...systemClock, now: () => Date.UTC(2026, 0, 1) };

/** The relying party of alpha.test, with what it remembers on disk. */
function setUp(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-agent-'));
  const used = openUsedAssertions(folder, clock);
  context.after(() => {
    used.close();
    rmSync(folder, { recursive: true });
  });
  const world: { idps: readonly IdpDescriptor[]; partner: Partial<Partner> } = {
    idps: [idpOf('one', one), idpOf('two', two)],
    partner: {},
  };
  const relyingParty = createRelyingParty({
    urls: {
      entityId: 'https://alpha.test/sp',
      agentUrl: 'https://alpha.test/in/',
      discoveryUrl: 'https://alpha.test/ds',
      consumerUrls: { post: 'https://alpha.test/post', paos: 'https://alpha.test/paos' },
    },
    federation: { get: () => ({ ...world, gateways: [], validUntil: Infinity, digest: '', leftOut: [] }) },
    partners: { find: (domain) => ({ domain, level: 'sso', attributes: {}, ...world.partner }) as Partner },
    used,
    discovery: undefined,
    log: silentLog,
    clock,
    random: systemRandom,
  });
  context.after(() => relyingParty.stop());
  let streams = 0;

  /** A stream of beta.test, and what the identity provider says to its request. @returns the code of the refusal */
  async function logIn(
    change: {
      claims?: Partial<Claims>;
      authzid?: string;
      idp?: string;
      signer?: typeof one;
      meanwhile?: () => void;
      answer?: (claims: Claims) => string;
    } = {},
  ): Promise<ErrorCode | 'good'> {
    const { idp = 'https://one.test/', signer = one, authzid = 'beta.test' } = change;
    const { url, verdict } = await relyingParty.begin({
      stream: `s${(streams += 1)}`,
      pair: { local: 'alpha.test', remote: 'beta.test' },
      authzid,
      idp,
      signal: new AbortController().signal,
    });
    const start = relyingParty.start(url.slice('https://alpha.test/in/'.length), 'post');
    const { request, relayState } = readRedirect('redirect' in start ? start.redirect : '');
    const asked = readAuthnRequest(request);
    change.meanwhile?.();
    const claims: Claims = {
      issuer: idp,
      subject: 'beta.test',
      audience: asked.issuer,
      recipient: asked.consumerUrl,
      requestId: asked.id,
      now: clock.now(),
      assertionId: `_a${streams}`,
      ...change.claims,
    };
    const text = change.answer?.(claims) ?? honestResponse(claims, signer);
    try {
      relyingParty.consume({ binding: 'post', text, relayState });
    } catch (error) {
      const { code } = error as { code: ErrorCode };
      await assert.rejects(verdict, isError(code), 'the stream hears the same');
      return code;
    }
    await verdict;
    return 'good';
  }
  return { logIn, world, relyingParty };
}

test('an identity provider speaks for those of its scopes, also if they changed since it was asked', async (context) => {
  const { logIn, world } = setUp(context);
  const scoped = (...scopes: string[]): void => {
    world.idps = [{ ...idpOf('one', one), scopes }, idpOf('two', two)];
  };
  scoped('beta.test');
  assert.equal(await logIn(), 'good');
  assert.equal(await logIn({ meanwhile: () => scoped('gamma.test') }), 'M4C_ASSERTION_SUBJECT');
  await assert.rejects(logIn(), isError('M4C_PARTNER_LOGIN', /may not vouch/));
  assert.equal(await logIn({ idp: 'https://two.test/', signer: two }), 'good', 'the other one has none');
});

test('an identity provider that the configuration names for others vouches no longer', async (context) => {
  const { logIn, world } = setUp(context);
  const name = (identityProviders: Partner['identityProviders']): void => {
    world.partner = identityProviders ? { identityProviders } : {};
  };
  assert.equal(await logIn({ idp: 'https://two.test/', signer: two }), 'good');
  name({ only: ['https://one.test/'] });
  assert.equal(await logIn(), 'good');
  await assert.rejects(logIn({ idp: 'https://two.test/', signer: two }), isError('M4C_PARTNER_LOGIN'));
  assert.equal(
    await logIn({ meanwhile: () => name({ allBut: ['https://one.test/'] }) }),
    'M4C_ASSERTION_SUBJECT',
  );
});

test('the key of one identity provider answers no request to another', async (context) => {
  const { logIn } = setUp(context);
  assert.equal(await logIn({ signer: two }), 'M4C_ASSERTION_SIGNATURE');
  assert.equal(
    await logIn({ signer: two, claims: { issuer: 'https://two.test/' } }),
    'M4C_ASSERTION_SIGNATURE',
  );
  assert.equal(await logIn(), 'good');
});

test('an assertion is good once, for another stream as well, and one more of the same provider is', async (context) => {
  const { logIn } = setUp(context);
  assert.equal(await logIn({ claims: { assertionId: '_same' } }), 'good');
  assert.equal(await logIn({ claims: { assertionId: '_same' } }), 'M4C_ASSERTION_REPLAY');
  assert.equal(await logIn({ claims: { assertionId: '_other' } }), 'good');
  const ofTwo = { idp: 'https://two.test/', signer: two };
  assert.equal(
    await logIn({ ...ofTwo, claims: { assertionId: '_same' } }),
    'good',
    'ids are of their issuer',
  );
});

test('the subject, and whom the stream acts for, are the partner of the stream', async (context) => {
  const { logIn } = setUp(context);
  assert.equal(await logIn(), 'good');
  assert.equal(await logIn({ claims: { subject: 'gamma.test' } }), 'M4C_ASSERTION_SUBJECT');
  assert.equal(await logIn({ authzid: 'gamma.test' }), 'M4C_ASSERTION_SUBJECT');
  assert.equal(
    await logIn({ authzid: 'gamma.test', claims: { subject: 'gamma.test' } }),
    'M4C_ASSERTION_SUBJECT',
  );
});

test('an assertion that is good for more than a day is refused', async (context) => {
  const { logIn } = setUp(context);
  const until = (ms: number) => (claims: Claims) =>
    responseText(
      claims,
      signedAssertion(claims, one, (parts) => {
        const end = `NotOnOrAfter="${new Date(claims.now + ms).toISOString()}"`;
        parts.subject = parts.subject.replace(/NotOnOrAfter="[^"]*"/, end);
        parts.conditions = parts.conditions.replace(/NotOnOrAfter="[^"]*"/, end);
      }),
    );
  assert.equal(await logIn({ answer: until(24 * HOUR - 60_000) }), 'good');
  assert.equal(await logIn({ answer: until(24 * HOUR - 59_999) }), 'M4C_ASSERTION_TIME');
});

test('attributes that the policy asks for, each with one of the values that are allowed', async (context) => {
  const { logIn, world } = setUp(context);
  world.partner = { attributes: { role: ['gateway', 'relay'], group: ['g'] } };
  const say = (attributes: Claims['attributes']) => logIn({ claims: { attributes } });
  assert.equal(await say({ role: ['user', 'relay'], group: ['g'] }), 'good');
  for (const attributes of [undefined, { role: ['relay'] }, { role: ['user'], group: ['g'] }])
    assert.equal(await say(attributes), 'M4C_ASSERTION_ATTRIBUTES');
});
