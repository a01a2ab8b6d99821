/**
 * Two domains that have nothing in common but an identity provider: their gateways log in to each other by SAML20, and a
 * task executor of the one becomes a member of a room of the other.
 *
 * Everything that it shows was printed by the command line, or was read from the logs of gateways, servers and identity
 * provider; nodes speak under the identities that they enrolled.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, silentLog } from '@mom4c/core';
import { tlsOf } from '@mom4c/member';
import { readKeystore } from '@mom4c/pki';
import { connect, joinRoom, xml } from '@mom4c/xmpp';
import type { Room, XmppSession } from '@mom4c/xmpp';
import { fold, heading, note, perform, seconds } from './demo-stage.ts';
import type { Stage } from './demo-stage.ts';
import type { LabDomain } from './domain.ts';
import { linkSecret } from './gateway.ts';
import type { Lab } from './lab.ts';
import { readLog, whenWritten } from './log-reader.ts';
import type { XmppServerKind } from './xmpp-server.ts';

const ALPHA = 'alpha.test';
const BETA = 'beta.test';
const ROOM = `joint@conference.${BETA}`;
const NS_USER = 'http://jabber.org/protocol/muc#user';
const PING = { name: 'ping', xmlns: 'urn:xmpp:ping' };

/** RFC 6595, figure 8 of the paper. */
const STEPS = [
  'opens a stream to the other gateway: TLS 1.3, both certificates verified',
  'is answered with the header of the stream',
  'is offered SAML20',
  'selects SAML20',
  'is sent to the authentication agent of the other domain',
  'hands that address to its own agent',
  'its agent asks there',
  'sends it on to the identity provider, with a request for this one stream',
  'its agent goes to the identity provider',
  'gets an assertion',
  'brings the assertion to the agent of the other domain',
  'the assertion is good: success',
  'starts the stream anew; stanzas flow',
];

type Step = { readonly who: string; readonly time: string; readonly step: number; readonly stream?: string };

export function showFederation(server: XmppServerKind): Promise<void> {
  return perform(async (stage) => {
    const lab = await bringUp(stage, server);
    await logIns(stage, lab);
    const sessions = await logInNodes(stage.folder, lab);
    try {
      const rooms = await invite(sessions, lab);
      await talk(sessions, rooms, lab);
      await withoutIdp(sessions, rooms, lab);
    } finally {
      await Promise.all([sessions.te1.stop(), sessions.cm1.stop()]);
    }
    secrets(stage.folder, lab);
  });
}

async function bringUp(stage: Stage, server: XmppServerKind): Promise<Lab> {
  heading(
    'Two domains from nothing, each with its own servers, authority and gateway, and one identity provider',
  );
  const started = performance.now();
  const lab = await stage.bringUp({
    domains: [ALPHA, BETA],
    server,
    executors: 1,
    idp: true,
    gatewaySettings: { log: { level: 'debug' } },
  });
  await Promise.all(
    lab.domains.map(({ gateway }) =>
      whenWritten(gateway.process!.logFile, 'link', () => /"msg":"link up"/.exec(gatewayLog(gateway))?.[0]),
    ),
  );
  note(`up in ${seconds(started)}, and the gateways have logged in to each other`);
  return lab;
}

async function logIns({ mom4c }: Stage, lab: Lab): Promise<void> {
  heading(`How ${ALPHA} logged in at ${BETA}, by the logs of both gateways`);
  for (const { who, step } of transcript(lab))
    console.log(`  ${String(step).padStart(2)}  ${who.padEnd(11)} ${STEPS[step - 1]}`);
  heading('What the identity provider saw');
  const { password, session } = lab.idp.logins();
  for (const domain of [ALPHA, BETA]) {
    note(
      `${domain} logged in ${password[domain] ?? 0} time with its password, ${session[domain] ?? 0} times with its session`,
    );
    if (password[domain] !== 1) throw new Error(`${domain} did not log in once`);
  }
  heading('What an administrator sees');
  for (const domain of [ALPHA, BETA]) await mom4c(['--domain', domain, 'federation', 'status'], EXIT.ok);
}

/** The log-in from alpha to beta, the one that came to its end. @throws Error if a step is missing */
function transcript(lab: Lab): Step[] {
  const stepsOf = (domain: string): Step[] =>
    gatewayLog(lab.domain(domain).gateway)
      .split('\n')
      .filter((line) => line.includes('"step":'))
      .map((line) => ({ ...(JSON.parse(line) as Omit<Step, 'who'> & { direction?: string }), who: domain }))
      .filter(({ direction }) => domain !== ALPHA || direction !== 'in');
  const [ours, theirs] = [stepsOf(ALPHA), stepsOf(BETA)];
  const stream = ours.find(({ step }) => step === 13)?.stream;
  const own = [...ours, ...theirs]
    .filter((one) => (one.stream === undefined ? one.who === ALPHA : one.stream === stream))
    .toSorted((a, b) => a.step - b.step || a.time.localeCompare(b.time));
  const missing = STEPS.findIndex((_, index) => !own.some(({ step }) => step === index + 1));
  if (stream === undefined || missing >= 0) throw new Error(`the logs do not show step ${missing + 1}`);
  return own.filter(
    ({ step, who }, index) => own.findIndex((other) => other.step === step && other.who === who) === index,
  );
}

type Sessions = { readonly te1: XmppSession; readonly cm1: XmppSession };
type Rooms = { readonly te1: Room; readonly cm1: Room };

/** Beside the programs, under the certificates of their nodes. */
async function logInNodes(folder: string, lab: Lab): Promise<Sessions> {
  const [te1, cm1] = await Promise.all([
    logIn(folder, lab.domain(ALPHA), 'te1'),
    logIn(folder, lab.domain(BETA), 'cm1'),
  ]);
  return { te1, cm1 };
}

async function logIn(folder: string, domain: LabDomain, node: string): Promise<XmppSession> {
  const own = join(folder, domain.name, 'nodes', node);
  const { authority, ...identity } = await readKeystore(
    join(own, 'keystore.p12'),
    readFileSync(join(own, 'password'), 'utf8').trim(),
  );
  const { host, port } = domain.describe().xmpp;
  const tls = tlsOf({ identity, authority });
  const jid = `${node}@${domain.name}/demo`;
  const session = connect({ host, port, domain: domain.name, jid, tls, log: silentLog });
  await session.start();
  return session;
}

async function invite({ te1, cm1 }: Sessions, lab: Lab): Promise<Rooms> {
  heading(`The manager of ${BETA} makes a room for members only, and invites te1 of ${ALPHA}`);
  const room = await joinRoom(cm1, { room: ROOM, nick: 'cm1', create: { whois: 'anyone' }, log: silentLog });
  const own = { room: ROOM, nick: 'te1', log: silentLog };
  const refused = await joinRoom(te1, own).then(
    () => undefined,
    (error: Error) => error.message,
  );
  note(`te1 before it is a member: ${refused}`);
  if (!refused?.includes('registration-required')) throw new Error('a stranger came in');
  const invited = new Promise<string>((resolve) => {
    te1.onMessage(({ from, element }) => {
      const by = element.getChild('x', NS_USER)?.getChild('invite')?.attrs.from;
      if (by) resolve(`${by} by way of ${from}`);
    });
  });
  await room.setAffiliation(`te1@${ALPHA}`, 'member');
  const element = xml('x', { xmlns: NS_USER }, xml('invite', { to: te1.jid }));
  await cm1.send(xml('message', { to: ROOM }, element));
  note(`te1 was invited: ${await invited}`);
  const joined = await joinRoom(te1, own);
  note(`te1 is in ${ROOM}, a room at ${lab.domain(BETA).xmppServer.name} of ${BETA}`);
  return { te1: joined, cm1: room };
}

async function talk({ te1, cm1 }: Sessions, rooms: Rooms, lab: Lab): Promise<void> {
  heading('Messages and requests, both ways');
  note(await said(rooms.cm1, rooms.te1, 'what is the weather like in alpha?'));
  note(await said(rooms.te1, rooms.cm1, 'sunny, 21 degrees'));
  for (const [from, to] of [
    [te1, cm1],
    [cm1, te1],
  ] as const) {
    const asked = performance.now();
    await from.request(to.jid, 'get', xml(PING.name, { xmlns: PING.xmlns }));
    note(`${from.jid} asked ${to.jid}, and had the answer in ${(performance.now() - asked).toFixed(1)} ms`);
  }
  heading(`The same on the wire: a stanza as the server of ${BETA} logged it`);
  const { xmppLog } = lab.domain(BETA);
  // As it came from the gateway, or as it went on to the room: Prosody logs no stanzas of components.
  const stanza = /<message(?:(?!<\/message>).)*sunny.*?<\/message>/;
  console.log(fold(await whenWritten(xmppLog, 'that message', () => stanza.exec(readLog(xmppLog))?.[0])));
}

/** @returns what was heard */
async function said(from: Room, at: Room, text: string): Promise<string> {
  const heard = new Promise<string>((resolve) => {
    const end = at.onMessage(({ nick, element }) => {
      const body = element.getChildText('body');
      if (nick !== from.nick || body !== text) return;
      end();
      resolve(`${at.nick} heard ${nick}: “${body}”`);
    });
  });
  await from.say(xml('body', {}, text));
  return heard;
}

async function withoutIdp(_sessions: Sessions, rooms: Rooms, lab: Lab): Promise<void> {
  heading('The identity provider goes away: streams that are up go on');
  await lab.idp.stop();
  note(await said(rooms.te1, rooms.cm1, 'still here'));
}

/** What nobody may find in a log. */
function secrets(folder: string, lab: Lab): void {
  heading('What is in no log');
  const ours = [...lab.domains.map(({ gateway }) => gatewayLog(gateway)), readLog(lab.idp.log)];
  const all = [...ours, ...lab.domains.map(({ xmppLog }) => readLog(xmppLog))];
  for (const { name } of lab.domains) {
    const password = readLog(lab.federation.account(name).passwordFile).trim();
    absent(all, `the password of ${name} at the identity provider`, password);
    absent(all, 'the same as HTTP sends it', Buffer.from(`${name}:${password}`).toString('base64'));
    // Not in those of the servers: with stanzas, which are on for this demo alone, ejabberd writes its configuration too.
    const secret = readLog(linkSecret(join(folder, name))).trim();
    absent(ours, `the secret of the link between ${name} and its gateway`, secret);
  }
}

function absent(logs: readonly string[], what: string, text: string): void {
  const found = logs.filter((log) => log.includes(text)).length;
  note(`${what}: in ${found} of ${logs.length} logs`);
  if (found > 0) throw new Error(`a log shows ${what}`);
}

function gatewayLog(gateway: LabDomain['gateway']): string {
  return readLog(gateway.process!.logFile);
}
