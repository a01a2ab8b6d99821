/**
 * Authentication agents and a real SimpleSAMLphp: log-in by ECP and by form, one session for all partners, the way over a
 * discovery service, keys that change, and what happens when the identity provider refuses or is gone.
 *
 * Mutation seen red: the session at the identity provider not kept.
 */
import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { type AgentRange, createAgentRange, logIn } from '../support/agent-range.ts';
import type { AgentOptions, RangeAgent } from '../support/range-agent.ts';
import { isError } from '../support/is-error.ts';
import { settles } from '../support/settles.ts';

const ALPHA = 'alpha.test';
const METHODS = ['ecp', 'form'] as const;
let range: AgentRange;
let beta: RangeAgent;
let gamma: RangeAgent;

before(async () => {
  range = await createAgentRange([ALPHA, 'beta.test', 'gamma.test']);
  beta = await range.start('beta.test');
  gamma = await range.start('gamma.test');
});
after(() => range?.stop());

async function startAlpha(context: TestContext, options: AgentOptions): Promise<RangeAgent> {
  const alpha = await range.start(ALPHA, options);
  context.after(() => alpha.stop());
  return alpha;
}

/** What alpha cost the identity provider since the last call. */
function counter(): () => { password: number; session: number; refused: number } {
  const read = () => {
    const { password, session, refused } = range.operator.logins();
    return { password: password[ALPHA] ?? 0, session: session[ALPHA] ?? 0, refused };
  };
  let last = read();
  return () => {
    const now = read();
    const { password, session, refused } = last;
    last = now;
    return {
      password: now.password - password,
      session: now.session - session,
      refused: now.refused - refused,
    };
  };
}

const BY_PASSWORD = { password: 1, session: 0, refused: 0 };
const BY_SESSION = { password: 0, session: 1, refused: 0 };
const NOTHING = { password: 0, session: 0, refused: 0 };

for (const method of METHODS) {
  test(`${method}: one log-in at the identity provider, and its session for every other partner`, async (context) => {
    const alpha = await startAlpha(context, { method });
    const since = counter();
    await logIn(alpha, beta);
    assert.deepEqual(since(), BY_PASSWORD);
    await logIn(alpha, gamma);
    assert.deepEqual(since(), BY_SESSION);
    const { logIn: status } = alpha.agent.status();
    assert.equal(status.logIns, 1);
    assert.equal(status.means, 'New links need no log-in.');
    assert.ok(status.session!.until! > Date.now() + 7 * 3_600_000, 'as long as the identity provider says');
    assert.deepEqual(
      [beta, gamma].map(({ agent }) => agent.status().open),
      [0, 0],
    );
  });

  test(`${method}: partners that are reached at once cost one log-in as well`, async (context) => {
    const alpha = await startAlpha(context, { method });
    const since = counter();
    await Promise.all([logIn(alpha, beta), logIn(alpha, gamma), logIn(alpha, beta), logIn(alpha, gamma)]);
    assert.deepEqual(since(), { password: 1, session: 3, refused: 0 });
  });

  test(`${method}: a session that the identity provider has lost costs one log-in`, async (context) => {
    const alpha = await startAlpha(context, { method });
    await logIn(alpha, beta);
    const sessions = join(range.folder, 'federation', 'idp', 'sessions');
    for (const file of readdirSync(sessions)) rmSync(join(sessions, file));
    const since = counter();
    await logIn(alpha, beta);
    const { password } = since();
    assert.equal(password, 1);
    await logIn(alpha, gamma);
    assert.deepEqual(since(), BY_SESSION);
  });

  test(`${method}: a wrong password is sent once, and the right one is taken as soon as it is there`, async (context) => {
    let wrong = true;
    const right = range.passwordOf(ALPHA);
    const alpha = await startAlpha(context, { method, password: () => (wrong ? 'not-it' : right) });
    const since = counter();
    await assert.rejects(logIn(alpha, beta), isError('M4C_IDP_LOGIN'));
    assert.deepEqual(since(), { ...NOTHING, refused: 1 });
    await assert.rejects(logIn(alpha, beta), isError('M4C_IDP_LOGIN', /refused before/));
    await assert.rejects(logIn(alpha, gamma), isError('M4C_IDP_LOGIN', /refused before/));
    assert.deepEqual(since(), NOTHING);
    assert.match(alpha.agent.status().logIn.means, /other credentials/);
    wrong = false;
    await logIn(alpha, beta);
    assert.deepEqual(since(), BY_PASSWORD);
    assert.ok(alpha.lines.every((line) => !JSON.stringify(line).includes('not-it')));
  });

  test(`${method}: without the identity provider nobody logs in, and its return is enough`, async (context) => {
    const alpha = await startAlpha(context, { method });
    await logIn(alpha, beta);
    await range.idp().stop();
    await assert.rejects(logIn(alpha, beta), isError('M4C_IDP_UNREACHABLE', /ECONNREFUSED/));
    const { means, session } = alpha.agent.status().logIn;
    assert.match(means, /Links that are up go on\. No new link .* no log-in is needed then/);
    assert.ok(session);
    await range.startIdp();
    const since = counter();
    await logIn(alpha, beta);
    assert.deepEqual(since(), BY_SESSION);
    assert.equal(alpha.agent.status().logIn.fault, undefined);
  });
}

test('the steps of the log-in stand in the logs of both, in order', async (context) => {
  const alpha = await startAlpha(context, {});
  const from = beta.lines.length;
  await logIn(alpha, beta);
  const steps = [...alpha.lines, ...beta.lines.slice(from)].flatMap(({ step, partner, stream, level }) =>
    typeof step === 'number' ? [{ step, partner, stream, level }] : [],
  );
  const { stream } = steps[0]!;
  const line = (step: number, partner: string) => ({ step, partner, stream, level: 'debug' });
  assert.deepEqual(
    steps.toSorted((one, other) => one.step - other.step),
    [
      line(7, 'beta.test'),
      line(8, ALPHA),
      line(9, 'beta.test'),
      line(10, 'beta.test'),
      line(11, 'beta.test'),
      line(12, ALPHA),
    ],
  );
});

test('by way of the discovery service, if both know it', async (context) => {
  const service = range.operator.idp.discovery;
  await beta.stop();
  const discovering = await range.start('beta.test', { discovery: service });
  context.after(async () => {
    await discovering.stop();
    beta = await range.start('beta.test');
  });
  const knowing = await startAlpha(context, { method: 'form', discovery: service });
  await logIn(knowing, discovering);
  assert.ok(knowing.lines.some(({ step, message }) => step === 8 && message.includes('8a')));
  await logIn(knowing, discovering, { idp: '' });
  await knowing.stop();

  const other = await startAlpha(context, { method: 'form' });
  await assert.rejects(logIn(other, discovering), isError('M4C_AGENT_ADDRESS'));
});

test('attributes of the assertion reach the policy for the partner', async (context) => {
  await beta.stop();
  context.after(async () => {
    beta = await range.start('beta.test');
  });
  const alpha = await startAlpha(context, {});
  const asking = async (attributes: Record<string, readonly string[]>): Promise<void> => {
    const party = await range.start('beta.test', { attributes });
    try {
      await logIn(alpha, party);
    } finally {
      await party.stop();
    }
  };
  await asking({ federation: ['other.test', range.operator.name], assurance: ['password'] });
  const missing = isError('M4C_PARTNER_LOGIN', /403 M4C_ASSERTION_ATTRIBUTES/);
  await assert.rejects(asking({ federation: ['other.test'] }), missing);
  await assert.rejects(asking({ federation: [range.operator.name], contract: ['yes'] }), missing);
});

test('the identity provider changes its key, and nobody restarts', async (context) => {
  const alpha = await startAlpha(context, {});
  const all = [alpha, beta, gamma];
  const taken = () =>
    settles(
      Promise.all(
        all.map(({ federation }) => new Promise<void>((resolve) => void federation.onChange(resolve))),
      ),
      'other metadata',
    );
  await logIn(alpha, beta);
  let change = taken();
  await range.operator.announceKey();
  await change;
  await logIn(alpha, beta);
  change = taken();
  await range.operator.changeKey();
  await change;
  await logIn(alpha, beta);
  await logIn(beta, gamma);
  assert.equal(alpha.agent.status().logIn.logIns, 1);
});
