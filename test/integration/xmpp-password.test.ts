/**
 * Log-in by password, and stream management, at a real server that offers both.
 *
 * Mutation seen red: see each test's own line.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Mom4cError, type ErrorCode, type Log } from '@mom4c/core';
import { xmppLog, type RunningServer } from '@mom4c/lab';
import { connect, registerAccount, xml, type Incoming, type XmppSession } from '@mom4c/xmpp';
import { cuttableProxy } from '../support/cuttable-proxy.ts';
import { createOpensslAuthority, type Issued } from '../support/openssl-authority.ts';
import { startPasswordServer } from '../support/password-server.ts';
import { openServerLog } from '../support/server-log.ts';
import { settles } from '../support/settles.ts';
import { XMPP_SERVER } from '../support/xmpp-server.ts';

const DOMAIN = 'alpha.test';
const PASSWORD = 'correct, horse = battery staple';
const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };

let folder: string;
let tls: Issued;
let sha256: RunningServer;
let sha1: RunningServer;
const open = new Set<XmppSession>();

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-password-'));
  tls = createOpensslAuthority(folder).issue('server', `DNS:${DOMAIN},DNS:conference.${DOMAIN},IP:127.0.0.1`);
  const common = { domain: DOMAIN, tls: tls.files, managers: ['cm'] };
  sha256 = await startPasswordServer(XMPP_SERVER, {
    ...common,
    folder: join(folder, 'sha256'),
    hash: 'SHA-256',
    showStanzas: true,
  });
  sha1 = await startPasswordServer(XMPP_SERVER, {
    ...common,
    folder: join(folder, 'sha1'),
    hash: 'SHA-1',
  });
  for (const { port } of [sha256, sha1])
    for (const username of ['te1', 'te2'])
      await registerAccount({ ...endpoint(port), tls, username, password: PASSWORD, log: SILENT });
});

after(async () => {
  await sha256?.stop();
  await sha1?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const endpoint = (port: number) => ({ host: '127.0.0.1', port, domain: DOMAIN });

function session(name: string, password: string, { port }: { port: number } = sha256): XmppSession {
  const made = connect({ ...endpoint(port), jid: `${name}@${DOMAIN}/a`, tls, password, log: SILENT });
  open.add(made);
  return made;
}

async function stopAll(): Promise<void> {
  await Promise.all([...open].map((one) => one.stop()));
  open.clear();
}

const isError =
  (code: ErrorCode, detail: RegExp) =>
  (error: unknown): boolean =>
    error instanceof Mom4cError && error.code === code && detail.test(error.detail ?? '');

// Red with 'Client Key' spelt otherwise; with the password left out of `establish` (the server offers no EXTERNAL).
test('a password logs in with SCRAM-SHA-256, and the wrong one does not', async (context) => {
  context.after(stopAll);
  const te1 = session('te1', PASSWORD);
  await settles(te1.start(), 'the log-in');
  await te1.request(DOMAIN, 'get', xml('ping', { xmlns: 'urn:xmpp:ping' }));
  const guesser = session('te2', `${PASSWORD}!`);
  await assert.rejects(settles(guesser.start(), 'a refusal'), isError('M4C_XMPP_LOGIN', /not-authorized/));
});

// Red with a mechanism of its own choice in `onlyMechanism`, in place of the configured one.
test('where a server knows weaker mechanisms only, the password is not sent', async (context) => {
  context.after(stopAll);
  const te1 = session('te1', PASSWORD, sha1);
  await assert.rejects(
    settles(te1.start(), 'a refusal'),
    isError('M4C_XMPP_LOGIN', /does not offer SASL SCRAM-SHA-256/),
  );
});

// Red with all of the server's features shown to the library in `onlyBind`: it enables stream management, and the
// server then keeps the dead session for resume_timeout.
test('stream management is offered, not taken, and so a loss is told at once', async (context) => {
  const proxy = await cuttableProxy(sha256.port);
  context.after(async () => {
    await stopAll();
    await proxy.close();
  });
  const log = openServerLog(xmppLog(XMPP_SERVER, join(folder, 'sha256')));
  const mark = log.mark();
  const [te1, te2] = [session('te1', PASSWORD, proxy), session('te2', PASSWORD)];
  await settles(Promise.all([te1.start(), te2.start()]), 'the log-ins');
  const present = nextPresence(te2, ({ from, type }) => from === te1.jid && type === undefined);
  await te1.sendPresence({ to: te2.jid });
  await settles(present, 'the presence');
  const lost = nextPresence(te2, ({ from, type }) => from === te1.jid && type === 'unavailable');
  proxy.refuse();
  proxy.cut();
  await settles(lost, 'the unavailable presence');
  const text = await log.whenIt(mark, 'the unavailable presence', (seen) => seen.includes('unavailable'));
  assert.match(text, /(?:Send XML|SEND:) [^\n]*urn:xmpp:sm:3/);
  assert.doesNotMatch(text, /<enabled? /);
});

function nextPresence(of: XmppSession, fits: (presence: Incoming) => boolean): Promise<Incoming> {
  return new Promise((resolve) => {
    const unsubscribe = of.onPresence((presence) => {
      if (!fits(presence)) return;
      unsubscribe();
      resolve(presence);
    });
  });
}
