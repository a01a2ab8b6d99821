/**
 * One process on the way client → manager → executor and back. It protects, opens, and passes on; it keeps no journal
 * and runs no command, so that what is measured is the way. Started by the benchmark, which speaks over IPC.
 */
import { once } from 'node:events';
import { bareJid, systemClock, systemRandom } from '@mom4c/core';
import type { Certificate, Uuid } from '@mom4c/core';
import { adminSettings, ensureIdentity, openMember } from '@mom4c/member';
import type { Member } from '@mom4c/member';
import type { Payload } from '@mom4c/messaging';
import { createLogger, loadConfig } from '@mom4c/runtime';
import { textOf, xml } from '@mom4c/xmpp';
import type { Element, XmppSession } from '@mom4c/xmpp';
import { measure } from '../common/closed-loop.ts';
import type { FromHop, HopLoad, HopRole, HopStart, ToHop } from './hop-protocol.ts';
import { PROTECTIONS, protectionsOf } from './protection.ts';
import type { Protection, ProtectionName } from './protection.ts';
import { rsaIdentity } from './rsa-identity.ts';

const NS_HOP = 'urn:mom4c:bench:hop';
const NS_ECHO = 'urn:mom4c:bench:echo';
const TIMEOUT_MS = 30_000;
const EPOCH = { generation: 1, counter: 1 };
const ROLES = { client: 'admin', manager: 'cm', executor: 'te' } as const satisfies Record<HopRole, string>;

const [start] = (await once(process, 'message')) as [HopStart];
const stop = new AbortController();
const stops: (() => void | Promise<void>)[] = [];
const log = createLogger({ name: `bench-${start.role}`, level: 'warn' }, process.stderr);
const around = { clock: systemClock, random: systemRandom, log, signal: stop.signal };
const settings = loadConfig(adminSettings, { file: start.config });
const identify = start.key === 'P-256' ? ensureIdentity : rsaIdentity;
const enrolled = await identify(settings, ROLES[start.role], around);
const member = await openMember(settings, enrolled, around, (_name, close) => stops.push(close));
const session = member.session('bench');
const hop = { member, session, protections: protectionsOf(member, enrolled), start };
if (start.role !== 'client') serve(hop);
process.on('message', (message: ToHop) => void obey(message));
process.once('disconnect', () => void leave());
// The benchmark ends its hops; a terminal's Ctrl-C reaches all of them.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
await session.start(stop.signal);
tell({ type: 'ready', jid: session.jid });

type Hop = {
  member: Member;
  session: XmppSession;
  protections: Record<ProtectionName, Protection>;
  start: HopStart;
};

/** Nobody may be there any more to hear it. */
function tell(message: FromHop): void {
  if (process.connected) process.send!(message);
}

async function obey(message: ToHop): Promise<void> {
  if (message.type === 'usage') {
    const { user, system } = process.cpuUsage();
    const { lookups } = member.directory as { lookups?: number };
    return tell({ type: 'usage', cpu: (user + system) / 1e6, lookups: lookups ?? Number.NaN });
  }
  if (message.type === 'load')
    tell({ type: 'measured', ...(await measure(message, asker(hop, message.path))) });
}

async function leave(): Promise<void> {
  stop.abort();
  await session.stop();
  for (const close of stops.reverse()) await close();
}

/** The whole job of one user: ask, and have the answer opened. */
function asker(
  { session: own, start: { next }, ...hopParts }: Hop,
  path: HopLoad['path'],
): () => Promise<void> {
  if (path !== 'echo')
    return async () => void (await forward({ session: own, ...hopParts, start }, path, 'request', 'outcome'));
  // As large as the answers of the other paths before they are protected.
  const body = Buffer.from(JSON.stringify(start.result)).toString('base64');
  return async () => {
    await own.request(next!, 'get', xml('echo', { xmlns: NS_ECHO }, body), { timeoutMs: TIMEOUT_MS });
  };
}

function serve({ session: own, ...rest }: Hop): void {
  own.onRequest({ name: 'echo', xmlns: NS_ECHO }, async ({ child }) =>
    xml('echo', { xmlns: NS_ECHO }, textOf(child)),
  );
  own.onRequest({ name: 'hop', xmlns: NS_HOP }, async ({ from, child }) => {
    const path = PROTECTIONS.find((name) => name === child.attrs.path);
    if (!path) throw new Error(`no such path: ${child.attrs.path}`);
    return pass({ session: own, ...rest }, path, from, child);
  });
}

/** A manager turns a request into a command and its result into an outcome; an executor answers. */
async function pass(own: Hop, path: ProtectionName, from: string, asked: Element): Promise<Element> {
  const protection = own.protections[path];
  if (own.start.role === 'manager') {
    const { id } = await protection.open(asked, 'request', from);
    const result = await forward(own, path, 'command', 'result', id);
    const outcomes = [{ target: 'te1', state: 'ok' as const, result }];
    const outcome = {
      type: 'outcome' as const,
      ...head(own, from, id),
      epoch: EPOCH,
      name: 'listsensors',
      outcomes,
    };
    return letter(own, path, outcome, from);
  }
  const { id } = await protection.open(asked, 'command', from);
  return letter(
    own,
    path,
    { type: 'result', ...head(own, from, id), state: 'ok', result: own.start.result },
    from,
  );
}

/** Sends the next hop what it is to do. @returns the result of `listsensors` in its answer */
async function forward(
  own: Hop,
  path: ProtectionName,
  ask: 'request' | 'command',
  answer: 'result' | 'outcome',
  id = own.member.newId(),
): Promise<unknown> {
  const next = own.start.next!;
  const common = { ...head(own, next, id), name: 'listsensors', args: {} };
  const payload: Payload =
    ask === 'request'
      ? { type: 'request', ...common, timeout: TIMEOUT_MS }
      : { type: 'command', ...common, epoch: EPOCH };
  const options = { timeoutMs: TIMEOUT_MS };
  const iq = await own.session.request(next, 'set', await letter(own, path, payload, next), options);
  const opened = await own.protections[path].open(iq.getChild('hop', NS_HOP)!, answer, next);
  return opened.type === 'outcome' ? opened.outcomes[0]?.result : opened.result;
}

function head(own: Hop, to: string, id: Uuid) {
  const time = own.member.clock.now();
  return { id, from: own.member.address, to: bareJid(to), time, expires: time + TIMEOUT_MS };
}

async function letter(own: Hop, path: ProtectionName, payload: Payload, to: string): Promise<Element> {
  const recipient = await certificateOf(own.member, bareJid(to));
  return xml('hop', { xmlns: NS_HOP, path }, ...(await own.protections[path].protect(payload, recipient)));
}

async function certificateOf({ directory }: Member, address: string): Promise<Certificate> {
  const [newest] = await directory.byAddress(address);
  if (!newest) throw new Error(`no certificate of ${address}`);
  return newest;
}
