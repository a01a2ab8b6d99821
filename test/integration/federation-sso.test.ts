/**
 * Single sign-on: five domains that federate with each other log in at the identity provider once each. Without it, links
 * that are up go on and new ones wait for it; a session that it has lost costs one log-in.
 *
 * Not mutated by itself, for the minutes that it takes: that a session is never shown turns identity-providers.test.ts red.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EXIT } from '@mom4c/core';
import { type Lab, startLab, until } from '@mom4c/lab';
import { ask } from '../support/cli.ts';

const DOMAINS = ['alpha.test', 'beta.test', 'gamma.test', 'delta.test', 'epsilon.test'];
const [ALPHA, BETA] = DOMAINS as [string, string, ...string[]];
const LINK_MS = 120_000;
const ALL = { timeout: 300_000 };

type Status = {
  idp: { session: boolean; logins: number; fault?: string; means: string };
  links: { partner: string; state: string; downs: number; reason?: { code: string } }[];
};

let folder: string;
let lab: Lab;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-sso-'));
  lab = await startLab({
    folder: join(folder, 'lab'),
    domains: DOMAINS,
    server: Object.fromEntries(
      DOMAINS.map((name, index) => [name, index % 2 === 0 ? 'ejabberd' : 'prosody']),
    ),
    executors: 0,
    idp: true,
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

async function isUp(domain: string): Promise<boolean> {
  const { links } = await status(domain);
  return links.length === DOMAINS.length - 1 && links.every(({ state }) => state === 'up');
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

function passwords(): Record<string, number> {
  return { ...lab.idp.logins().password };
}

const once = Object.fromEntries(DOMAINS.map((name) => [name, 1]));

test('each of five domains logs in once for all of its partners', ALL, async () => {
  for (const domain of DOMAINS) await eventually(() => isUp(domain), `all links of ${domain}`);
  const { password, session } = lab.idp.logins();
  assert.deepEqual({ ...password }, once);
  // Each further partner was reached with the session: n(n-1) log-ins in all, n of them with the password.
  for (const domain of DOMAINS) assert.ok((session[domain] ?? 0) >= DOMAINS.length - 2, domain);
  for (const domain of DOMAINS) assert.equal((await status(domain)).idp.logins, 1);
});

test('without the identity provider links go on, and a new one waits for it and says so', ALL, async () => {
  const before = await linkOf(ALPHA, 'gamma.test');
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
  const after = await linkOf(ALPHA, 'gamma.test');
  assert.deepEqual([after.state, after.downs], ['up', before.downs]);
  await lab.idp.start();
  await eventually(async () => (await linkOf(ALPHA, BETA)).state === 'up', 'it comes by itself');
  assert.deepEqual(passwords(), once);
});

test('a session that the identity provider has lost costs one log-in', ALL, async () => {
  const sessions = join(folder, 'lab', 'federation', 'idp', 'sessions');
  for (const file of readdirSync(sessions)) rmSync(join(sessions, file));
  await anew(ALPHA, BETA);
  await eventually(async () => (await linkOf(ALPHA, BETA)).state === 'up', 'the link');
  assert.equal(passwords()[ALPHA], 2);
  await anew(ALPHA, 'gamma.test');
  await eventually(async () => (await linkOf(ALPHA, 'gamma.test')).state === 'up', 'the other link');
  assert.equal(passwords()[ALPHA], 2);
});
