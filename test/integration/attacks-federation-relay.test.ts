/**
 * The relay: gamma, a partner to whom alpha logs in, wants to be alpha at beta. It opens a stream to beta, gets the URL of
 * a challenge there, and hands that URL to alpha as its own. RFC 6595 binds no log-in to a channel, so that nothing in the
 * mechanism stops this. Real streams, agents and a real SimpleSAMLphp; gamma is hand-made. Each side has to be enough
 * alone: alpha against a beta that takes any assertion, and beta with an alpha that follows any URL.
 *
 * Mutations seen red: the subject of an assertion not compared with the partner of the stream; certificates of streams not
 * compared with the pinned ones. Green with the address of the challenge not compared, since the certificate of that agent
 * is not the pinned one either.
 */
import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import type { SamlUser } from '@mom4c/xmpp';
import { type AgentRange, createAgentRange } from '../support/agent-range.ts';
import type { RangeAgent } from '../support/range-agent.ts';
import { connect, type Door, doorOf, openStream, openThievingDoor } from '../support/agent-streams.ts';
import { isError } from '../support/is-error.ts';
import { createNaiveUser, type NaiveUser } from '../support/naive-user.ts';

const [ALPHA, BETA, GAMMA] = ['alpha.test', 'beta.test', 'gamma.test'] as const;
let range: AgentRange;
let alpha: RangeAgent;
let beta: RangeAgent;
let betaDoor: Door;

before(async () => {
  range = await createAgentRange([ALPHA, BETA, GAMMA]);
  alpha = await range.start(ALPHA);
  beta = await range.start(BETA);
  betaDoor = await doorOf(beta);
});
after(async () => {
  await betaDoor?.stop();
  await range?.stop();
});

/** Of the user at the identity provider, with whoever's password it is. */
function naive(domain: string): NaiveUser {
  return createNaiveUser({ user: domain, password: range.passwordOf(domain) }, range.operator.idp.sso);
}

/** Goes wherever the challenge says. */
function followingAny(user: NaiveUser): SamlUser {
  return {
    idp: range.operator.idp.entityId,
    async logIn({ url }) {
      const { status, text } = await user.bring(await user.fetch(url));
      if (status !== 200) throw new Mom4cError('M4C_PARTNER_LOGIN', text.trim());
    },
  };
}

type Stolen = {
  readonly url: string;
  /** Of gamma's stream to beta. */
  readonly outcome: Promise<unknown>;
  /** Gamma goes on as its own user would. */
  readonly logInHonestly: () => void;
};

/** Gamma opens a stream to beta, as itself, and keeps the URL of the challenge. */
async function steal(signal: AbortSignal): Promise<Stolen> {
  const url = Promise.withResolvers<string>();
  const goOn = Promise.withResolvers<void>();
  const outcome = connect({
    pair: { local: GAMMA, remote: BETA },
    port: betaDoor.port,
    credentials: range.issuedTo(GAMMA),
    saml: {
      idp: range.operator.idp.entityId,
      async logIn(ask) {
        url.resolve(ask.url);
        await goOn.promise;
        await followingAny(naive(GAMMA)).logIn(ask);
      },
    },
    signal,
  });
  outcome.catch(url.reject);
  return { url: await url.promise, outcome, logInHonestly: goOn.resolve };
}

/** Gamma's own door, at which the challenge is a URL that it has from beta. */
async function thievingDoor(context: TestContext, url: string): Promise<Door> {
  const door = await openThievingDoor(url, {
    domain: GAMMA,
    port: range.descriptorOf(GAMMA).s2s!.port,
    credentials: range.issuedTo(GAMMA),
  });
  context.after(() => door.stop());
  return door;
}

function setUp(context: TestContext): AbortSignal {
  const ending = new AbortController();
  context.after(() => ending.abort());
  return ending.signal;
}

test('a partner opens no stream as another: it has not its certificate', async (context) => {
  const signal = setUp(context);
  const honest = await openStream(alpha, { domain: BETA, port: betaDoor.port }, signal);
  await honest.close();
  const before = betaDoor.streams.length;
  const asAlpha = connect({
    pair: { local: ALPHA, remote: BETA },
    port: betaDoor.port,
    credentials: range.issuedTo(GAMMA),
    saml: { idp: '', logIn: () => Promise.reject(new Error('a challenge came')) },
    signal,
  });
  await assert.rejects(asAlpha, (error) => error instanceof Mom4cError);
  assert.equal(betaDoor.refused.at(-1)?.code, 'M4C_PARTNER_CERTIFICATE');
  assert.equal(betaDoor.streams.length, before);
  assert.equal(beta.agent.status().open, 0, 'the agent was not asked for a challenge');
});

test('a user does not follow a challenge to another partner, whatever that one would say', async (context) => {
  const signal = setUp(context);
  const stolen = await steal(signal);
  const gammaDoor = await thievingDoor(context, stolen.url);
  const { password, session } = range.operator.logins();
  await assert.rejects(
    openStream(alpha, { domain: GAMMA, port: gammaDoor.port }, signal),
    isError('M4C_AGENT_ADDRESS'),
  );
  const after = range.operator.logins();
  assert.deepEqual([after.password, after.session], [password, session], 'alpha asked for no assertion');
  stolen.logInHonestly();
  await stolen.outcome;
  assert.equal(betaDoor.streams.at(-1)?.pair.remote, GAMMA, 'the URL was good, and nobody had been there');
  await openStream(alpha, { domain: BETA, port: betaDoor.port }, signal);
});

test('a relying party opens no stream of one partner for the honest assertion of another', async (context) => {
  const signal = setUp(context);
  const following = followingAny(naive(ALPHA));
  const honest = await connect({
    pair: { local: ALPHA, remote: BETA },
    port: betaDoor.port,
    credentials: range.issuedTo(ALPHA),
    saml: following,
    signal,
  });
  assert.equal(betaDoor.streams.at(-1)?.pair.remote, ALPHA, 'the assertion is good for alpha itself');
  await honest.close();

  const stolen = await steal(signal);
  const gammaDoor = await thievingDoor(context, stolen.url);
  const relayed = connect({
    pair: { local: ALPHA, remote: GAMMA },
    port: gammaDoor.port,
    credentials: range.issuedTo(ALPHA),
    saml: following,
    signal,
  });
  await assert.rejects(relayed, isError('M4C_PARTNER_LOGIN', /^M4C_ASSERTION_SUBJECT$/));
  await assert.rejects(stolen.outcome, isError('M4C_PARTNER_LOGIN'));
  assert.equal(beta.refused.at(-1)?.code, 'M4C_ASSERTION_SUBJECT');
  assert.equal(betaDoor.streams.at(-1)?.pair.remote, ALPHA, 'there is no new one');
});
