/**
 * Many task executors as the XMPP server and the manager see them, in one process: each with a key, a certificate and a session of its
 * own, in the room, with a signed presence directed to `cm@D`, said anew within a second of each leadership statement, and an
 * answer to each ping. They have no agents, and run no commands.
 */
import { createPrivateKey } from 'node:crypto';
import { silentLog, systemClock, systemRandom, uuidv7 } from '@mom4c/core';
import type { Certificate } from '@mom4c/core';
import { letterIn, lettersElements } from '@mom4c/member';
import { createSealer, createSigner, readCertificate } from '@mom4c/pki';
import type { Identity } from '@mom4c/pki';
import { connect, joinRoom, registerAccount, xml } from '@mom4c/xmpp';
import type { XmppSession } from '@mom4c/xmpp';
import { randomBytes } from 'node:crypto';
import type { CrowdMember, FromCrowd, ToCrowd } from './crowd-protocol.ts';

/** At work at once, as when a site gets its power back. */
const AT_ONCE = 16;
const SPREAD_MS = 1000;
const started = Date.now();
/** Whoever is cut off in silence does not give up before the benchmark has seen what the manager makes of it. */
const PATIENT = { afterMs: 3_600_000, answerMs: 60_000 };

type Client = {
  readonly name: string;
  readonly session: XmppSession;
  readonly identity: Identity;
  said: string | undefined;
};

let domain = '';
let managers: readonly Certificate[] = [];
const clients: Client[] = [];

process.on('message', (message: ToCrowd) => {
  answer(message).then(
    (said) => process.send!(said),
    (thrown: unknown) => {
      console.error(thrown);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit());

async function answer(message: ToCrowd): Promise<FromCrowd> {
  switch (message.type) {
    case 'log in':
      ({ domain } = message);
      managers = message.managers.map((der) => readCertificate(der));
      await each(message.members, async (member) => void clients.push(await logIn(message, member)));
      return { type: 'logged in' };
    case 'join':
      await each(clients, join);
      return { type: 'joined' };
    case 'announce':
      await Promise.all(clients.map(announceSoon));
      return { type: 'announced' };
  }
}

async function each<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values();
  const worker = async (): Promise<void> => {
    for (const one of left) await work(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function logIn(
  { host, port, ca }: Extract<ToCrowd, { type: 'log in' }>,
  member: CrowdMember,
): Promise<Client> {
  const { name, cert, key } = member;
  const log = silentLog;
  const account = { username: name, password: randomBytes(24).toString('base64url') };
  await registerAccount({ host, port, domain, tls: { ca }, ...account, log });
  const session = connect({
    ...{ host, port: member.port ?? port, domain, jid: `${name}@${domain}/agent` },
    ...{ tls: { ca, cert, key }, silence: PATIENT, log },
  });
  await session.start();
  const identity = { key: createPrivateKey(key), certificate: readCertificate(member.certificate) };
  return { name, session, identity, said: undefined };
}

function headOf({ name }: Client) {
  const time = Date.now();
  const ends = { from: `${name}@${domain}`, to: `cm@${domain}` };
  return { id: uuidv7(systemClock, systemRandom), ...ends, time, expires: time + 3_600_000 };
}

async function join(client: Client): Promise<void> {
  const { session, identity } = client;
  const asked = Buffer.from(JSON.stringify({ type: 'join', ...headOf(client), version: 'bench' }));
  const signed = await createSigner(identity).signEnclosed(asked);
  const sealed = await createSealer(systemRandom).sealTo(signed, managers);
  const [letter] = lettersElements({ kind: 'sealed', sealed });
  await session.request(`cm@${domain}/active`, 'set', letter!);
  const room = await joinRoom(session, {
    room: `cluster@conference.${domain}`,
    nick: `${client.name}-${randomBytes(4).toString('hex')}`,
    log: silentLog,
  });
  room.onOccupantPresence(({ available, role, children }) => {
    const letter = available && role === 'moderator' && letterIn(xml('presence', {}, ...children));
    if (!letter || letter.kind !== 'signed') return;
    const { id } = JSON.parse(Buffer.from(letter.content).toString()) as { id: string };
    if (client.said !== undefined && client.said !== id) announceSoon(client).catch(() => {});
    client.said = id;
  });
}

async function announceSoon(client: Client): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * SPREAD_MS));
  const payload = {
    type: 'presence',
    ...headOf(client),
    version: 'bench',
    started,
    labels: { site: 'bench' },
  };
  const content = Buffer.from(JSON.stringify(payload));
  const signature = await createSigner(client.identity).signDetached(content);
  const children = lettersElements({ kind: 'signed', content, signature });
  await client.session.sendPresence({ to: `cm@${domain}`, children });
}
