/**
 * Two gateways at load for an hour, the way between them cut every two minutes: nothing is lost while the link is up, the
 * order is kept, and neither gateway grows.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { DOMAINS, numbered, openPair, otherOf } from '../support/federated-pair.ts';
import type { Name, Pair } from '../support/federated-pair.ts';
import { watchMemory } from './memory.ts';
import type { Options, Part, PartResult } from './part.ts';

/** In each direction, as many at once and then a pause: some 200 a second, well below what a small machine can do. */
const BURST = 10;
const PAUSE_MS = 50;
const CUT_EVERY_MS = 120_000;
const SAMPLE_EVERY_MS = 5_000;
const REPORT_EVERY_MS = 60_000;
/** After the last one was sent, for those that are under way. */
const DRAIN_MS = 10_000;

export const federationSoak: Part = {
  name: 'federation-soak',
  what:
    'two domains, ejabberd and Prosody, and their gateways under a steady load of some 200 messages a second each way, an hour ' +
    'by default, the way cut every two minutes: order kept, each message delivered, bounced, or on the wire when it ' +
    'was cut, and no gateway grows',
  async run(options) {
    const pair = await openPair();
    try {
      return await soak(pair, options);
    } finally {
      await pair.down();
    }
  },
};

type Tally = { sent: number; delivered: number; bounced: number; disorder: number; last: number };

async function soak(pair: Pair, { minutes, say }: Options): Promise<PartResult> {
  const tallies = new Map<Name, Tally>(
    DOMAINS.map((name) => [name, { sent: 0, delivered: 0, bounced: 0, disorder: 0, last: 0 }]),
  );
  for (const name of DOMAINS) count(pair, name, tallies.get(name)!);
  const pid = (name: Name): number => pair.side(name).domain.gateway.process!.pid;
  const memory = watchMemory(Object.fromEntries(DOMAINS.map((name) => [`gateway of ${name}`, pid(name)])));
  const before = await written(pair);
  const end = performance.now() + minutes * 60_000;
  let cuts = 0;
  const timers = [
    setInterval(() => memory.sample(), SAMPLE_EVERY_MS),
    setInterval(() => say(JSON.stringify(Object.fromEntries(tallies))), REPORT_EVERY_MS),
    setInterval(() => {
      cuts += 1;
      for (const name of DOMAINS) pair.side(name).relay.cut();
    }, CUT_EVERY_MS),
  ];
  try {
    await Promise.all(DOMAINS.map((name) => load(pair, name, tallies.get(name)!, end)));
  } finally {
    for (const timer of timers) clearInterval(timer);
  }
  await wait(DRAIN_MS);
  return resultOf([...tallies.values()], (await written(pair)) - before, cuts, minutes, memory);
}

/** What arrives of this domain's messages, or comes back. */
function count(pair: Pair, name: Name, tally: Tally): void {
  const { node } = pair.side(name);
  const { node: other } = pair.side(otherOf(name));
  node.onMessage(({ from, type }) => {
    if (from === other.jid && type === 'error') tally.bounced += 1;
  });
  other.onMessage(({ from, type, element }) => {
    if (from !== node.jid || type === 'error') return;
    const number = Number(element.attrs.id);
    if (number <= tally.last) tally.disorder += 1;
    tally.last = number;
    tally.delivered += 1;
  });
}

async function load(pair: Pair, name: Name, tally: Tally, end: number): Promise<void> {
  const { node } = pair.side(name);
  const to = pair.side(otherOf(name)).node.jid;
  while (performance.now() < end) {
    for (let number = 0; number < BURST; number++) await node.send(numbered(to, (tally.sent += 1)));
    await wait(PAUSE_MS);
  }
}

/** What was written by one gateway and not handed on by the other, up to now. */
async function written(pair: Pair): Promise<number> {
  let lost = 0;
  for (const name of DOMAINS) {
    lost += await pair.count(name, 'federation_stanzas_total', { direction: 'out' });
    lost -= await pair.count(otherOf(name), 'federation_stanzas_total', { direction: 'in' });
  }
  return lost;
}

function resultOf(
  tallies: readonly Tally[],
  onTheWire: number,
  cuts: number,
  minutes: number,
  memory: ReturnType<typeof watchMemory>,
): PartResult {
  const sum = (of: keyof Tally): number => tallies.reduce((all, tally) => all + tally[of], 0);
  const [sent, delivered, bounced, disorder] = [
    sum('sent'),
    sum('delivered'),
    sum('bounced'),
    sum('disorder'),
  ];
  const missing = sent - delivered - bounced;
  const faults = memory.faults();
  if (disorder > 0) faults.push(`${disorder} out of order`);
  // Each cut may let one that was being written go back and arrive, in each direction.
  if (missing > onTheWire || missing < onTheWire - 2 * cuts)
    faults.push(`${missing} neither arrived nor went back, but ${onTheWire} were on the wire`);
  return {
    counts: {
      minutes,
      sent,
      delivered,
      bounced,
      cuts,
      'on the wire at a cut': onTheWire,
      'out of order': disorder,
      ...memory.counts(),
    },
    faults,
  };
}
