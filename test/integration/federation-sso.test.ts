/**
 * Single sign-on: five domains, all partners of each other but for two pairs at lower levels, log in at the identity provider once each. Without it, links
 * that are up go on and new ones wait for it; a session that it has lost costs one log-in. Between their running gateways also
 * the transcript of a log-in, and the relay of attacks-federation-relay.test.ts.
 *
 * Not mutated by itself, for the minutes that it takes: that a session is never shown turns identity-providers.test.ts red.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EXIT } from '@mom4c/core';
import { type Lab, type PairLevel, startLab, until } from '@mom4c/lab';
import { xml } from '@mom4c/xmpp';
import { openThievingDoor } from '../support/agent-streams.ts';
import { ANY_SERVER } from '../support/any-server.ts';
import { ask } from '../support/cli.ts';
import { openClient, stealIdentity } from '../support/hostile-client.ts';
import { readMetric } from '../support/exposition.ts';
import { assertNoSecret, secretsBelow, wordsOf } from '../support/lab-secrets.ts';
import { openNodeLog, type NodeLog } from '../support/node-log.ts';
import { accountOf, answerByIdp, createInitiator, credentialsOf } from '../support/saml-initiator.ts';
import { OPENER, TAKER } from '../support/thirteen-steps.ts';

const DOMAINS = ['alpha.test', 'beta.test', 'gamma.test', 'delta.test', 'epsilon.test'];
const [ALPHA, BETA, GAMMA, DELTA, EPSILON] = DOMAINS as [string, string, string, string, string];
/** All others federate at `sso`. */
const LOWER: PairLevel[] = [
  { between: [GAMMA, EPSILON], level: 'encrypted' },
  { between: [DELTA, EPSILON], level: 'verified' },
];
const ssoPartners = (domain: string): number =>
  DOMAINS.length - 1 - LOWER.filter(({ between }) => between.includes(domain)).length;
const LINK_MS = 120_000;
const ALL = { timeout: 300_000 };

type Status = {
  idp: { session: boolean; logins: number; fault?: string; means: string };
  links: {
    partner: string;
    level: string;
    warning?: string;
    state: string;
    downs: number;
    reason?: { code: string };
  }[];
};

let folder: string;
let lab: Lab;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-sso-'));
  lab = await startLab({
    folder: join(folder, 'lab'),
    domains: DOMAINS,
    server: Object.fromEntries(DOMAINS.map((name, index) => [name, index === 0 ? 'ejabberd' : ANY_SERVER])),
    executors: 0,
    idp: true,
    levels: LOWER,
  });
}, ALL);
after(async () => {
  await lab?.down();
  rmSync(folder, { recursive: true, force: true });
}, ALL);

async function status(domain: string): Promise<Status> {
  const { stdout } = await ask(join(folder, 'lab'), `--domain ${domain} federation status -o json`, 0);
  return (JSON.parse(stdout) as { outcomes: [{ result: Status }] }).outcomes[0].result;
}

async function linkOf(domain: string, partner: string): Promise<Status['links'][number]> {
  const found = (await status(domain)).links.find((link) => link.partner === partner);
  assert.ok(found, `${domain} has no link to ${partner}`);
  return found;
}

/** As its gateway counts them: to ask by the CLI again and again takes more of the machine than the links do. */
function linksUp(domain: string, partner?: string): Promise<number> {
  return metric(domain, 'federation_link_up', partner === undefined ? {} : { partner });
}

async function isUp(domain: string, partner: string): Promise<boolean> {
  return (await linksUp(domain, partner)) === 1;
}

async function eventually(check: () => Promise<boolean>, what: string): Promise<void> {
  assert.ok(await until(check, LINK_MS), what);
}

/** A link that has gone and is wished for again. */
async function anew(domain: string, partner: string): Promise<void> {
  const state = join(folder, 'lab');
  await ask(state, `--domain ${domain} federation disconnect ${partner}`, 0);
  await ask(state, `--domain ${domain} federation connect ${partner}`, 0);
}

/** As the gateway counts streams that it tried. */
function dials(domain: string, partner: string, result: string): Promise<number> {
  return metric(domain, 'federation_dials_total', { partner, result });
}

function metric(domain: string, name: string, labels: Readonly<Record<string, string>>): Promise<number> {
  return readMetric(lab.domain(domain).gateway.port, name, labels);
}

function passwords(): Record<string, number> {
  return { ...lab.idp.logins().password };
}

const once = Object.fromEntries(DOMAINS.map((name) => [name, 1]));

test('each of five domains logs in once for all of its partners', ALL, async () => {
  for (const domain of DOMAINS)
    await eventually(async () => (await linksUp(domain)) === DOMAINS.length - 1, `all links of ${domain}`);
  for (const domain of DOMAINS)
    assert.ok(
      (await status(domain)).links.every(({ state }) => state === 'up'),
      domain,
    );
  const { password, session } = lab.idp.logins();
  assert.deepEqual({ ...password }, once);
  // Each further partner was reached with the session: n(n-1) log-ins in all, n of them with the password.
  for (const domain of DOMAINS) assert.ok((session[domain] ?? 0) >= ssoPartners(domain) - 1, domain);
  for (const domain of DOMAINS) assert.equal((await status(domain)).idp.logins, 1);
});

for (const {
  between: [one, other],
  level,
} of LOWER)
  test(`a pair at the level ${level} has links of its own, and is warned of it`, ALL, async () => {
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const link = await linkOf(from, to);
      assert.deepEqual([link.level, link.state], [level, 'up']);
      assert.ok(link.warning);
      const identity = await stealIdentity(join(folder, 'lab'), from, 'nodes/cm1');
      const manager = await openClient(lab.domain(from), identity, `cm1@${from}/levels`);
      await manager.session.request(to, 'get', xml('ping', { xmlns: 'urn:xmpp:ping' }));
      await manager.stop();
    }
  });

test('without the identity provider links go on, and a new one waits for it and says so', ALL, async () => {
  const before = await linkOf(ALPHA, GAMMA);
  await lab.idp.stop();
  const state = join(folder, 'lab');
  await ask(state, `--domain ${ALPHA} federation disconnect ${BETA}`, 0);
  const { stdout } = await ask(state, `--domain ${ALPHA} federation connect ${BETA}`, EXIT.unavailable);
  assert.match(stdout, /M4C_PARTNER_DOWN.*beta\.test: M4C_IDP_UNREACHABLE/);
  const refusedBy = async (): Promise<boolean> => {
    const { state: now, reason } = await linkOf(ALPHA, BETA);
    return now !== 'up' && reason?.code === 'M4C_IDP_UNREACHABLE';
  };
  await eventually(refusedBy, 'the reason is told');
  const { idp } = await status(ALPHA);
  assert.equal(idp.fault, 'M4C_IDP_UNREACHABLE');
  assert.equal(idp.session, true);
  assert.match(idp.means, /Links that are up go on\. No new link .* no log-in is needed then/);
  const after = await linkOf(ALPHA, GAMMA);
  assert.deepEqual([after.state, after.downs], ['up', before.downs]);
  assert.ok((await dials(ALPHA, BETA, 'M4C_IDP_UNREACHABLE')) > 0);
  await lab.idp.start();
  const opened = await dials(ALPHA, BETA, 'ok');
  await eventually(() => isUp(ALPHA, BETA), 'it comes by itself');
  assert.equal(await dials(ALPHA, BETA, 'ok'), opened + 1);
  assert.deepEqual(passwords(), once);
});

test('a session that the identity provider has lost costs one log-in', ALL, async () => {
  const sessions = join(folder, 'lab', 'federation', 'idp', 'sessions');
  for (const file of readdirSync(sessions)) rmSync(join(sessions, file));
  await anew(ALPHA, BETA);
  await eventually(() => isUp(ALPHA, BETA), 'the link');
  assert.equal(passwords()[ALPHA], 2);
  await anew(ALPHA, GAMMA);
  await eventually(() => isUp(ALPHA, GAMMA), 'the other link');
  assert.equal(passwords()[ALPHA], 2);
});

function logOf(domain: string): NodeLog {
  return openNodeLog(lab.domain(domain).gateway.process!.logFile);
}

test('the gateways tell the thirteen steps of a log-in by number, each its own', ALL, async () => {
  const debug = (domain: string) => lab.domain(domain).gateway.change(() => ({ log: { level: 'debug' } }));
  await Promise.all([debug(ALPHA), debug(BETA)]);
  await eventually(() => isUp(ALPHA, BETA), 'the link');
  const logs = { alpha: logOf(ALPHA), beta: logOf(BETA) };
  const marks = { alpha: logs.alpha.mark(), beta: logs.beta.mark() };
  await anew(ALPHA, BETA);
  const steps = (side: keyof typeof logs, partner: string, direction: 'in' | 'out'): number[] =>
    logs[side]
      .since(marks[side])
      .flatMap((line) =>
        line.step !== undefined && line.partner === partner && line.direction === direction
          ? [line.step]
          : [],
      );
  assert.deepEqual(steps('alpha', BETA, 'out'), OPENER);
  assert.deepEqual(steps('beta', ALPHA, 'in'), TAKER);
});

test('a partner to whom a gateway logs in does not get in elsewhere as that domain', ALL, async () => {
  await lab.domain(GAMMA).gateway.stop();
  const gamma = createInitiator(lab.domain(GAMMA), lab.domain(BETA), lab.idp.entityId);
  const stolen = Promise.withResolvers<string>();
  const goOn = Promise.withResolvers<void>();
  const opened = gamma.logIn(async (url) => {
    stolen.resolve(url);
    await goOn.promise;
    await answerByIdp(url, accountOf(lab, GAMMA));
  });
  opened.catch(stolen.reject);
  const credentials = credentialsOf(lab.domain(GAMMA));
  const port = lab.domain(GAMMA).gateway.s2sPort;
  const door = await openThievingDoor(await stolen.promise, { domain: GAMMA, port, credentials });
  try {
    const { password, session } = lab.idp.logins();
    const state = join(folder, 'lab');
    await ask(state, `--domain ${ALPHA} federation disconnect ${GAMMA}`, 0);
    const refused = await ask(state, `--domain ${ALPHA} federation connect ${GAMMA}`, EXIT.unavailable);
    assert.match(refused.stdout, /gamma\.test: M4C_AGENT_ADDRESS/);
    const now = lab.idp.logins();
    assert.deepEqual([now.password[ALPHA], now.session[ALPHA]], [password[ALPHA], session[ALPHA]]);
  } finally {
    goOn.resolve();
    await door.stop();
  }
  // The stolen URL was good, and nobody had been there: for gamma, as itself.
  await (await opened).close();

  const [log, mark] = [logOf(BETA), logOf(BETA).mark()];
  const asAlpha = createInitiator(lab.domain(ALPHA), lab.domain(BETA), lab.idp.entityId, credentials);
  await assert.rejects(asAlpha.logIn(() => Promise.reject(new Error('a challenge came'))));
  await log.next(
    mark,
    'it is refused',
    ({ code, from }) => code === 'M4C_PARTNER_CERTIFICATE' && from === ALPHA,
  );

  await lab.domain(GAMMA).gateway.start();
  await eventually(() => isUp(ALPHA, GAMMA), 'the honest gateway of gamma');
});

test('no secret of a gateway, and nothing of an assertion, is in a log, an argument list or an environment', async () => {
  const root = join(folder, 'lab');
  const secrets = await secretsBelow(root);
  for (const name of [`federation/accounts/${ALPHA}`, `${ALPHA}/gateway-secret`])
    assert.ok(secrets.has(name), [...secrets.keys()].join());
  const gateways = DOMAINS.flatMap((name) => lab.domain(name).gateway.process?.pid ?? []);
  assert.equal(gateways.length, DOMAINS.length);
  const { logs, processes } = wordsOf(root, gateways);
  assertNoSecret(secrets, new Map([...logs, ...processes]));
  for (const name of DOMAINS) {
    const said = readFileSync(lab.domain(name).gateway.process!.logFile, 'utf8');
    // As XML, and as what base64 makes of its beginning.
    assert.doesNotMatch(said, /<(?:\w+:)?(?:Assertion|Response)\b|PHNhbWxw/, name);
  }
});
