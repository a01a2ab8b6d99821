/**
 * Two domains that federate at the level sso, ejabberd and Prosody, with a relay before each gateway that can cut the
 * way; in each domain a room of its manager, and a node of the other domain to be in it. Nobody comes back into a room
 * by himself: who is in after a fault is a ghost.
 */
import { startLab } from '@mom4c/lab';
import type { Lab, LabDomain } from '@mom4c/lab';
import { connect, joinRoom, xml } from '@mom4c/xmpp';
import type { Element, Room, XmppSession } from '@mom4c/xmpp';
import { cuttableProxy } from './cuttable-proxy.ts';
import { readMetric } from './exposition.ts';
import { pemOf, silent, stealIdentity } from './hostile-client.ts';
import { makeRunFolder } from './run-folder.ts';

export const DOMAINS = ['alpha.test', 'beta.test'] as const;
export type Name = (typeof DOMAINS)[number];
export const otherOf = (name: Name): Name => DOMAINS[1 - DOMAINS.indexOf(name)]!;

const NS_MUC = 'http://jabber.org/protocol/muc';
const NS_MUC_ADMIN = `${NS_MUC}#admin`;
const NICK = 'guest';
const POLL_MS = 50;

export type Side = {
  readonly name: Name;
  readonly domain: LabDomain;
  /** Its relay: partners reach its gateway by this one. */
  readonly relay: Awaited<ReturnType<typeof cuttableProxy>>;
  /** Of the manager, an owner of the room. */
  readonly owner: XmppSession;
  readonly room: string;
  /** The owner's; he comes back into it by himself. */
  readonly ownRoom: Room;
  /** A member of the other domain's room. */
  readonly node: XmppSession;
  /** What the room has last told the node: `in`, or how it is out. */
  believes(): string;
  /** It goes into the other domain's room; `believes` knows nothing until it is told. */
  enter(): Promise<void>;
};

export type Pair = {
  readonly lab: Lab;
  side(name: Name): Side;
  /** Each node goes into the room of the other domain. */
  enter(): Promise<void>;
  /** Addresses of the other domain that this one's server counts as occupants of its room. */
  strangersIn(name: Name): Promise<string[]>;
  /** Resolves when that many links are up. */
  up(): Promise<void>;
  /** A count of its gateway. */
  count(name: Name, metric: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  down(): Promise<void>;
};

export async function openPair(): Promise<Pair> {
  const folder = makeRunFolder('pair');
  const lab = await startLab({
    ...folder.lab,
    domains: DOMAINS,
    server: { 'alpha.test': 'ejabberd', 'beta.test': 'prosody' },
    executors: 0,
    idp: true,
  });
  const sides = new Map<Name, Side>();
  const down = async (): Promise<void> => {
    for (const { owner, node, relay } of sides.values()) {
      await Promise.all([owner.stop(), node.stop()]);
      await relay.close();
    }
    await lab.down();
    folder.remove();
  };
  try {
    for (const name of DOMAINS) sides.set(name, await openSide(lab, name));
    for (const name of DOMAINS) await routeByRelay(lab, name, sides.get(otherOf(name))!.relay.port);
    const pair = pairOf(lab, sides, down);
    await pair.up();
    for (const { room, name } of sides.values())
      await member(sides.get(name)!.owner, room, sides.get(otherOf(name))!.node);
    return pair;
  } catch (error) {
    await down();
    throw error;
  }
}

async function openSide(lab: Lab, name: Name): Promise<Side> {
  const domain = lab.domain(name);
  const { host, port } = domain.describe().xmpp;
  const tls = pemOf(await stealIdentity(lab.folder, name, 'nodes/cm1'));
  const logIn = async (resource: string): Promise<XmppSession> => {
    const session = connect({ host, port, domain: name, jid: `cm1@${name}/${resource}`, tls, log: silent });
    await session.start();
    return session;
  };
  const [owner, node] = [await logIn('owner'), await logIn('guest')];
  const room = `links@conference.${name}`;
  const ownRoom = await joinRoom(owner, { room, nick: 'owner', create: { whois: 'anyone' }, log: silent });
  let belief = 'never in';
  const foreign = `links@conference.${otherOf(name)}/${NICK}`;
  node.onPresence(({ from, type, element }) => {
    if (from !== foreign) return;
    const codes =
      element
        .getChild('x', `${NS_MUC}#user`)
        ?.getChildren('status')
        .map(({ attrs }) => attrs.code) ?? [];
    belief = type === undefined ? 'in' : [type, ...codes].join(' ');
  });
  const relay = await cuttableProxy(domain.gateway.s2sPort);
  const believes = (): string => belief;
  const enter = async (): Promise<void> => {
    belief = 'asking';
    const muc = xml('x', { xmlns: NS_MUC }, xml('history', { maxstanzas: '0' }));
    await node.sendPresence({ to: foreign, children: [muc] });
    await until(async () => belief === 'in', `${name}'s node in the room, not ${belief}`);
  };
  return { name, domain, relay, owner, room, ownRoom, node, believes, enter };
}

async function member(owner: XmppSession, room: string, node: XmppSession): Promise<void> {
  const item = xml('item', { jid: node.jid.slice(0, node.jid.indexOf('/')), affiliation: 'member' });
  await owner.request(room, 'set', xml('query', { xmlns: NS_MUC_ADMIN }, item));
}

/** The metadata say where a partner listens; what the configuration says goes before them. */
async function routeByRelay(lab: Lab, name: Name, port: number): Promise<void> {
  await lab.domain(name).gateway.change(({ partners }) => ({
    partners: (partners as object[]).map((partner) => ({ ...partner, address: { host: '127.0.0.1', port } })),
  }));
}

function pairOf(lab: Lab, sides: ReadonlyMap<Name, Side>, down: () => Promise<void>): Pair {
  const side = (name: Name): Side => sides.get(name)!;

  const count: Pair['count'] = (name, metric, labels) =>
    readMetric(side(name).domain.gateway.port, metric, labels);

  async function strangersIn(name: Name): Promise<string[]> {
    const { owner, room } = side(name);
    const found: string[] = [];
    for (const role of ['participant', 'visitor', 'moderator']) {
      const answer = await owner.request(
        room,
        'get',
        xml('query', { xmlns: NS_MUC_ADMIN }, xml('item', { role })),
      );
      for (const { attrs } of answer.getChild('query', NS_MUC_ADMIN)?.getChildren('item') ?? [])
        if (attrs.jid?.includes(`@${otherOf(name)}/`)) found.push(attrs.jid);
    }
    return found;
  }

  return {
    lab,
    side,
    strangersIn,
    count,
    down,
    async enter() {
      for (const name of DOMAINS) await side(name).enter();
    },
    async up() {
      for (const name of DOMAINS)
        await until(async () => (await count(name, 'federation_link_up')) === 1, `the link of ${name}`);
    },
  };
}

/** Asks again and again: none of this is told by itself. @throws Error naming what did not come */
export async function until(isSo: () => Promise<boolean>, what: string, limitMs = 60_000): Promise<number> {
  const start = performance.now();
  while (!(await isSo().catch(() => false))) {
    if (performance.now() - start > limitMs) throw new Error(`in ${limitMs} ms there was not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return performance.now() - start;
}

export function numbered(to: string, number: number): Element {
  return xml('message', { to, type: 'headline', id: String(number) }, xml('body', {}, String(number)));
}
