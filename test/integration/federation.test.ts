/**
 * Two domains that federate by single sign-on, each with its own servers, authority and gateway: what people of both
 * exchange, and what an administrator sees of the links and does about them. One domain has ejabberd, the other the server
 * that MOM4C_TEST_SERVER names.
 *
 * Seen red: a changed configuration without the new partner; requests to an address that does not answer.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { after, before, test } from 'node:test';
import { startLab, whenWritten } from '@mom4c/lab';
import type { Lab, LabDomain } from '@mom4c/lab';
import { joinRoom, xml } from '@mom4c/xmpp';
import type { Room } from '@mom4c/xmpp';
import { startChatClient } from '../support/chat-client.ts';
import type { ChatClient } from '../support/chat-client.ts';
import { mom4c } from '../support/cli.ts';
import { openClient, silent, stealIdentity } from '../support/hostile-client.ts';
import type { HostileClient } from '../support/hostile-client.ts';
import { programFile } from '@mom4c/build';
import { openNodeLog } from '../support/node-log.ts';
import { startProgram } from '../support/program.ts';
import { XMPP_SERVER } from '../support/xmpp-server.ts';

const ALPHA = 'alpha.test';
const BETA = 'beta.test';
const ROOM = `meet@conference.${BETA}`;
const folder = mkdtempSync(join(tmpdir(), 'mom4c-federation-'));
const state = join(folder, 'lab');

/** Of the certificate authority's own command line. */
const AUTHORITY = programFile('certificate-authority');
const NS_MUC_USER = 'http://jabber.org/protocol/muc#user';

type Link = { partner: string; state: string; sent: number; received: number; reason?: { code: string } };

let lab: Lab;
let alpha: LabDomain;
let beta: LabDomain;
let ann: ChatClient;
let bob: ChatClient;
let manager: HostileClient;
let room: Room;

before(async () => {
  lab = await startLab({
    folder: state,
    domains: [ALPHA, BETA],
    server: { [ALPHA]: 'ejabberd', [BETA]: XMPP_SERVER },
    executors: 0,
    people: { ann: 'operator', bob: 'viewer' },
    idp: true,
  });
  [alpha, beta] = [lab.domain(ALPHA), lab.domain(BETA)];
  await linked();
  ann = await person(alpha, 'ann');
  bob = await person(beta, 'bob');
  manager = await openClient(beta, await stealIdentity(state, BETA, 'nodes/cm1'), `cm1@${BETA}/host`);
  room = await joinRoom(manager.session, {
    room: ROOM,
    nick: 'host',
    create: { whois: 'moderators', maxUsers: 100 },
    log: silent,
  });
});

after(async () => {
  for (const client of [ann, bob, manager]) await client?.stop();
  await lab?.down();
  rmSync(folder, { recursive: true });
});

function person(domain: LabDomain, name: string): Promise<ChatClient> {
  const { people, xmpp, caCertificate: ca } = domain.describe();
  const { jid, passwordFile } = people!.accounts.find((one) => one.jid.startsWith(`${name}@`))!;
  return startChatClient({ jid, passwordFile, port: xmpp.port, ca });
}

const ask = (line: string, domain = ALPHA) =>
  mom4c(['--state', state, '--domain', domain, ...line.split(' '), '--timeout', '30s']);

async function links(domain = ALPHA): Promise<Link[]> {
  const { code, stdout, stderr } = await ask('federation status -o json', domain);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout).outcomes[0].result.links;
}

/** The table of `mom4c doctor`, whatever it found. */
async function examined(): Promise<string> {
  return (await mom4c(['--state', state, '--domain', ALPHA, 'doctor'])).stdout;
}

const enter = () => ann.perform({ op: 'join', to: ROOM, nick: 'ann' });

/** Status codes of what tells her that she is out of the room. */
async function out(): Promise<readonly string[]> {
  return (await ann.take({ name: 'presence', type: 'unavailable', from: `${ROOM}/ann` })).codes;
}

/** Asking is the only way to know; each question takes as long as a log-in. */
async function linked(): Promise<void> {
  for (const domain of [ALPHA, BETA]) {
    const { code, stdout, stderr } = await ask(
      `federation connect ${domain === ALPHA ? BETA : ALPHA}`,
      domain,
    );
    assert.equal(code, 0, stdout + stderr);
  }
}

test('both links are up, and each domain has logged in at the identity provider once', async () => {
  for (const [domain, partner] of [
    [ALPHA, BETA],
    [BETA, ALPHA],
  ] as const) {
    const [link] = await links(domain);
    assert.deepEqual([link?.partner, link?.state], [partner, 'up']);
  }
  const { stdout } = await ask('federation partners -o json');
  const [partner] = JSON.parse(stdout).outcomes[0].result.partners;
  assert.deepEqual([partner.domain, partner.level, partner.certificates], [BETA, 'sso', 1]);
  assert.ok(partner.hosts.includes(`conference.${BETA}`));
  const table = await ask('federation status');
  assert.match(table.stdout, /^Identity provider: New links need no log-in\.$/m);
  assert.match(await examined(), /^federation +ok +gw1: 1 of 1 links are up *$/m);
});

test('what people say to each other arrives, in order, both ways', async () => {
  const count = 40;
  for (let number = 0; number < count; number += 1) {
    await ann.perform({ op: 'message', to: bob.jid, body: `a${number}` });
    await bob.perform({ op: 'message', to: ann.jid, body: `b${number}` });
  }
  for (const [client, prefix] of [
    [bob, 'a'],
    [ann, 'b'],
  ] as const) {
    await client.take({ name: 'message', body: `${prefix}${count - 1}` });
    const bodies = client.untaken.flatMap(({ body }) => (body?.startsWith(prefix) ? [body] : []));
    assert.deepEqual(
      bodies,
      Array.from({ length: count - 1 }, (_, number) => `${prefix}${number}`),
    );
  }
});

test('presence goes both ways after a subscription', async () => {
  await ann.perform({ op: 'subscribe', to: bob.jid });
  await ann.take({ name: 'presence', type: 'subscribed', from: bob.jid });
  await bob.perform({ op: 'presence', show: 'dnd' });
  const seen = await ann.take({ name: 'presence', show: 'dnd' });
  assert.ok(seen.from?.startsWith(bob.jid));
});

test('requests and their errors go both ways', async () => {
  // Each knows the other's full address by now.
  await ann.perform({ op: 'message', to: bob.jid, body: 'where are you?' });
  const { from: annNow } = await bob.take({ name: 'message', body: 'where are you?' });
  await bob.perform({ op: 'message', to: ann.jid, body: 'here' });
  const { from: bobNow } = await ann.take({ name: 'message', body: 'here' });
  assert.deepEqual(await ann.perform({ op: 'ping', to: bobNow! }), {});
  assert.deepEqual(await bob.perform({ op: 'ping', to: annNow! }), {});
  const { error } = await ann.perform({ op: 'ping', to: `nobody@people.${BETA}/x` });
  assert.equal(error, 'service-unavailable');
});

test('a room of a partner admits members, and nobody else', async () => {
  assert.equal((await enter()).error, 'registration-required');
  await room.setAffiliation(ann.jid, 'member');
  assert.deepEqual((await enter()).occupants, ['ann', 'host']);
  await ann.perform({ op: 'message', to: ROOM, type: 'groupchat', body: 'to all' });
  assert.equal((await ann.take({ name: 'message', body: 'to all' })).from, `${ROOM}/ann`);
  await room.say(xml('body', {}, 'welcome'));
  assert.equal((await ann.take({ name: 'message', body: 'welcome' })).from, `${ROOM}/host`);

  await ann.perform({ op: 'leave', to: ROOM, nick: 'ann' });
  assert.ok((await out()).includes('110'), 'it is she who has left');
  assert.equal((await enter()).error, undefined);
  await room.setAffiliation(ann.jid, 'none');
  assert.ok((await out()).includes('321'), 'no member any more');
  assert.equal((await enter()).error, 'registration-required');
});

test('who is invited to a room of a partner is let in, and speaks to all there or to nobody', async () => {
  const heard: string[] = [];
  const unsubscribe = room.onMessage(({ nick, element }) => {
    heard.push(`${nick}: ${element.getChildText('body')}`);
  });
  const whispered: string[] = [];
  const stop = manager.session.onMessage(({ from, type }) => {
    if (type === 'chat') whispered.push(from);
  });
  const invite = xml('invite', { to: ann.jid }, xml('reason', {}, 'come in'));
  await manager.session.send(xml('message', { to: ROOM }, xml('x', { xmlns: NS_MUC_USER }, invite)));
  await ann.take({ name: 'message', invited: ROOM });
  assert.equal((await enter()).error, undefined);

  await ann.perform({ op: 'message', to: `${ROOM}/host`, body: 'a word in your ear' });
  await ann.take({ name: 'message', type: 'error', from: `${ROOM}/host` });
  assert.equal((await ann.perform({ op: 'ping', to: `${ROOM}/host` })).error, 'not-allowed');

  await ann.perform({ op: 'message', to: ROOM, type: 'groupchat', body: 'for all ears' });
  await ann.take({ name: 'message', body: 'for all ears' });
  await manager.session.request(ROOM, 'get', xml('ping', { xmlns: 'urn:xmpp:ping' })).catch(() => {});
  assert.deepEqual([heard, whispered], [['ann: for all ears'], []]);
  for (const end of [unsubscribe, stop]) end();
});

test('a link that an administrator ends stays so over a restart, and tells whoever writes', async () => {
  const ended = await ask(`federation disconnect ${BETA}`);
  assert.equal(ended.code, 0, ended.stderr);
  await alpha.gateway.stop();
  const away = await ask('federation status');
  assert.equal(away.code, 7, away.stdout);
  assert.match(away.stdout, /M4C_GATEWAY_UNAVAILABLE/);
  assert.match(await examined(), /^federation +fail +The federation gateway .* does not answer\./m);
  await alpha.gateway.start();
  assert.equal((await links())[0]?.state, 'disconnected');
  assert.match(await examined(), /^federation +ok +gw1: 0 of 1 links are up; disconnected: beta\.test *$/m);
  await ann.perform({ op: 'message', to: bob.jid, body: 'too early' });
  const bounced = await ann.take({ name: 'message', type: 'error' });
  assert.equal(bounced.error, 'remote-server-timeout');

  await linked();
  await ann.perform({ op: 'message', to: bob.jid, body: 'at last' });
  await bob.take({ name: 'message', body: 'at last' });
});

/** A certificate of the domain's authority, as its operator makes one. @returns its folder */
async function anotherCertificate(): Promise<string> {
  const authority = join(state, ALPHA, 'certificate-authority');
  const out = join(authority, 'servers', 'federation-next');
  const options = { config: join(authority, 'config.yaml'), name: 'federation', out, ip: '127.0.0.1' };
  const dns = [ALPHA, `conference.${ALPHA}`, 'localhost'].join(',');
  const args = Object.entries({ ...options, dns }).flatMap(([name, value]) => [`--${name}`, value]);
  const { code, stderr } = await startProgram(AUTHORITY, ['server-certificate', ...args]).ended;
  assert.equal(code, 0, stderr);
  return out;
}

/** Serial number of what partners see there. */
async function shownAt(port: number): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, servername: ALPHA });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

test('the certificate that partners see is renewed: announced in the metadata, then changed while it runs', async () => {
  const descriptor = async (domain: string): Promise<string> => {
    const { code, stdout, stderr } = await ask('federation metadata', domain);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const next = await anotherCertificate();
  const [cert, key] = [join(next, 'cert.pem'), join(next, 'key.pem')];
  const { serialNumber } = new X509Certificate(readFileSync(cert));
  await alpha.gateway.change(({ s2s }) => ({ s2s: { ...(s2s as object), nextCertFile: cert } }));
  const [log, agentPort] = [
    openNodeLog(alpha.gateway.process!.logFile),
    Number(new URL(alpha.gateway.agentUrl).port),
  ];
  const doors = [alpha.gateway.s2sPort, agentPort];
  for (const port of doors) assert.notEqual(await shownAt(port), serialNumber);

  const taken = openNodeLog(beta.gateway.process!.logFile);
  const before = taken.mark();
  await lab.federation.write([await descriptor(ALPHA), await descriptor(BETA)]);
  await taken.next(before, 'the metadata', ({ msg }) => msg === 'metadata of the federation taken');
  const { stdout } = await ask('federation partners -o json', BETA);
  assert.equal(JSON.parse(stdout).outcomes[0].result.partners[0].certificates, 2);

  const mark = log.mark();
  const own = join(dirname(next), 'federation');
  writeFileSync(`${own}/new.pem`, readFileSync(cert));
  writeFileSync(`${own}/new.key`, readFileSync(key), { mode: 0o600 });
  renameSync(`${own}/new.key`, `${own}/key.pem`);
  renameSync(`${own}/new.pem`, `${own}/cert.pem`);
  await log.next(mark, 'the new certificate', ({ msg }) => msg === 'partners see a new certificate');
  for (const port of doors) assert.equal(await shownAt(port), serialNumber);

  await ask(`federation disconnect ${BETA}`);
  await linked();
  await ann.perform({ op: 'message', to: bob.jid, body: 'under the new one' });
  await bob.take({ name: 'message', body: 'under the new one' });
});

test('who is no partner is none; what is below sso is warned about; partners are read again while it runs', async () => {
  const unknown = await ask('federation connect delta.test');
  assert.equal(unknown.code, 6, unknown.stdout);
  assert.match(unknown.stdout, /M4C_PARTNER_UNKNOWN/);

  const { config, process: before } = alpha.gateway;
  const log = before!.logFile;
  const text = readFileSync(config, 'utf8');
  const added = { domain: 'delta.test', level: 'permissive', connect: 'manual' };
  const entries = JSON.stringify(added);
  writeFileSync(config, text.replace('partners: [', `partners: [${entries},`));
  await whenWritten(log, 'partners read again', () =>
    readFileSync(log, 'utf8').includes('partners read again') ? true : undefined,
  );
  const { stdout } = await ask('federation partners');
  assert.match(stdout, /delta\.test +permissive .*manual +whoever reaches this gateway/);
  assert.equal(alpha.gateway.process?.pid, before!.pid);
  assert.equal((await links()).find(({ partner }) => partner === BETA)?.state, 'up', 'the others go on');
  assert.match(await examined(), /^federation +warn +.*; below sso: delta\.test +Raise the level/m);
});
