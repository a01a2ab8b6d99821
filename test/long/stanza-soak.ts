/**
 * Half a million messages between two sessions over ejabberd. Their connections are cut again and again; each time
 * between two cuts is an epoch. Within an epoch every message arrives, in order and as it was; only at a cut the last
 * ones may be lost, and none may come later.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '@mom4c/core';
import { startXmppServer } from '@mom4c/lab';
import { connect, textOf, xml, type Incoming, type XmppSession } from '@mom4c/xmpp';
import { endIfInterrupted } from '../support/interruption.ts';
import { createOpensslAuthority } from '../support/openssl-authority.ts';
import { type Relay, startRelay } from './chopping-relay.ts';
import type { Options, Part, PartResult } from './part.ts';

const STANZAS = 500_000;
const PER_EPOCH = 5_000;
const DOMAIN = 'alpha.test';
const [SENDER, RECEIVER] = [`te1@${DOMAIN}/soak`, `te2@${DOMAIN}/soak`];
/** Every so many messages one has a large text. */
const LARGE_EVERY = 250;
/** Characters of three octets each: the stanza has up to 240 kB, and is read in many pieces. */
const LARGE = 75_000;
const ARRIVAL_LIMIT = 120_000;
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

export const stanzaSoak: Part = {
  name: 'stanza-soak',
  what:
    'half a million messages between two sessions over ejabberd, large CJK texts among them, through a relay that hands ' +
    'on small pieces and cuts the connections fifty times: order kept, nothing changed, nothing lost while connected',
  async run(options) {
    const folder = mkdtempSync(join(tmpdir(), 'mom4c-stanzas-'));
    const authority = createOpensslAuthority(folder);
    const { files: tls } = authority.issue('server', `DNS:${DOMAIN},DNS:conference.${DOMAIN},IP:127.0.0.1`);
    const starting = startXmppServer('ejabberd', {
      folder: join(folder, 'xmpp'),
      domain: DOMAIN,
      tls,
      managers: ['cm'],
    });
    const remove = (): void => rmSync(folder, { recursive: true, force: true });
    const forget = endIfInterrupted(() => starting.then((server) => server.stop()).then(remove));
    const server = await starting;
    const relays = [await startRelay(server.port), await startRelay(server.port)] as const;
    const sessions = [SENDER, RECEIVER].map((jid, index) => {
      const name = jid.slice(0, jid.indexOf('@'));
      const own = authority.issueFor(name, `${name}@${DOMAIN}`);
      const { port } = relays[index]!;
      return connect({ host: '127.0.0.1', port, domain: DOMAIN, jid, tls: own, log: silent });
    }) as [XmppSession, XmppSession];
    try {
      return await soak(sessions, relays, options);
    } finally {
      await Promise.all(sessions.map((session) => session.stop()));
      await Promise.all(relays.map((relay) => relay.close()));
      await server.stop();
      remove();
      forget();
    }
  },
};

/** What has arrived of the current epoch. */
type Arrivals = { epoch: number; next: number; faults: string[]; total: number; large: number };

async function soak(
  [sender, receiver]: [XmppSession, XmppSession],
  relays: readonly [Relay, Relay],
  { say }: Options,
): Promise<PartResult> {
  const arrivals: Arrivals = { epoch: -1, next: 0, faults: [], total: 0, large: 0 };
  let arrived = (): void => {};
  receiver.onMessage((message) => {
    note(arrivals, message);
    arrived();
  });
  const reconnections = { count: 0 };
  for (const session of [sender, receiver]) {
    await session.start();
    await session.sendPresence();
    session.on('online', () => void (reconnections.count += 1));
  }
  let [sent, cuts, lostAtCuts] = [0, 0, 0];
  for (let epoch = 0; sent < STANZAS; epoch++) {
    Object.assign(arrivals, { epoch, next: 0 });
    await send(sender, epoch);
    sent += PER_EPOCH;
    if (epoch % 2 === 0) {
      if (
        !(await until(
          () => arrivals.next === PER_EPOCH,
          (wake) => (arrived = wake),
        ))
      )
        arrivals.faults.push(`epoch ${epoch}: ${PER_EPOCH} were sent and ${arrivals.next} arrived`);
    } else {
      // While much of it is under way: one side, the other, or both.
      cuts += 1;
      const back = [sender, receiver].map(async (session, index) => {
        if ((cuts + index) % 3 === 0) return;
        const [gone, returned] = [next(session, 'offline'), next(session, 'online')];
        relays[index]!.cut();
        await gone;
        await returned;
        await session.sendPresence();
      });
      await Promise.all(back);
      lostAtCuts += PER_EPOCH - arrivals.next;
    }
    if (epoch % 10 === 0)
      say(`${sent} sent, ${arrivals.total} arrived, ${cuts} cuts, ${arrivals.faults.length} faults`);
  }
  const dropped = Object.values(receiver.dropped).reduce((sum, count) => sum + count, 0);
  if (dropped > 0) arrivals.faults.push(`${dropped} stanzas were dropped`);
  return {
    counts: {
      sent,
      arrived: arrivals.total,
      'large texts': arrivals.large,
      cuts,
      reconnections: reconnections.count,
      'lost at cuts': lostAtCuts,
      'lost while connected': arrivals.faults.length,
    },
    faults: arrivals.faults.slice(0, 20),
  };
}

async function send(sender: XmppSession, epoch: number): Promise<void> {
  for (let number = 0; number < PER_EPOCH; number++) {
    const body = xml('body', {}, textAt(number));
    // A headline is not kept for who is away (RFC 6121 §8.5.2.1.1): late arrivals would be faults.
    await sender.send(xml('message', { to: RECEIVER, type: 'headline', id: `${epoch}-${number}` }, body));
  }
}

function note(arrivals: Arrivals, { from, type, element }: Incoming): void {
  if (from !== SENDER || type !== 'headline') return;
  const [epoch, number] = (element.attrs.id ?? '').split('-').map(Number) as [number, number];
  arrivals.total += 1;
  if (epoch !== arrivals.epoch || number !== arrivals.next)
    arrivals.faults.push(`${epoch}-${number} came where ${arrivals.epoch}-${arrivals.next} was due`);
  const text = textAt(number);
  if (text.length > 1_000) arrivals.large += 1;
  if (textOf(element.getChild('body')) !== text) arrivals.faults.push(`${epoch}-${number} was changed`);
  arrivals.next = number + 1;
}

/** Characters of one to four octets in turn, so that reads are cut inside of them. */
function textAt(number: number): string {
  const length = number % LARGE_EVERY === 0 ? LARGE : 1 + (number % 60);
  const start = number % ALPHABET.length;
  const line = ALPHABET.slice(start) + ALPHABET.slice(0, start);
  return line
    .repeat(Math.ceil(length / line.length))
    .slice(0, length)
    .toWellFormed();
}
const ALPHABET = '漢字化け文字列試験中国語日本語한국어éa🜁';

function next(session: XmppSession, event: 'online' | 'offline'): Promise<void> {
  return new Promise((resolve) => {
    const unsubscribe = session.on(event, () => {
      unsubscribe();
      resolve();
    });
  });
}

/** @param onChange is told whom to call when something has changed @returns false if it took too long */
async function until(isSo: () => boolean, onChange: (wake: () => void) => void): Promise<boolean> {
  const settled = Promise.withResolvers<boolean>();
  const look = (): void => {
    if (isSo()) settled.resolve(true);
  };
  onChange(look);
  look();
  const limit = setTimeout(() => settled.resolve(false), ARRIVAL_LIMIT);
  const outcome = await settled.promise;
  clearTimeout(limit);
  onChange(() => {});
  return outcome;
}
