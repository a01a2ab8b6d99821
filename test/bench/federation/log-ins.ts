/**
 * How long it takes from TCP connect to the first stanza that the partner has, in one direction: SAML20 with a log-in at the
 * identity provider, with the session that this leaves there, and EXTERNAL, in turn. Nothing else runs in the gateways.
 */
import { join } from 'node:path';
import { systemClock as clock, systemRandom as random } from '@mom4c/core';
import { connectS2s, xml } from '@mom4c/xmpp';
import { createAgentRange } from '../../support/agent-range.ts';
import type { AgentRange } from '../../support/agent-range.ts';
import { endIfInterrupted } from '../../support/interruption.ts';
import { monotonicMs } from '../../support/range-agent.ts';
import type { RangeAgent } from '../../support/range-agent.ts';
import { startForked } from '../common/forked.ts';
import type { Forked } from '../common/forked.ts';
import type { FromParty, ToParty } from './party-protocol.ts';
import { phasesOf } from './phases.ts';
import type { Phases } from './phases.ts';

export const LOG_INS = ['cold', 'warm', 'EXTERNAL'] as const;
export type LogInKind = (typeof LOG_INS)[number];
/** Milliseconds. */
export type LogIn = { readonly kind: LogInKind; readonly total: number; readonly phases: Phases };

const [ALPHA, BETA] = ['alpha.test', 'beta.test'];
const WARM_UP_ROUNDS = 5;
const LIMIT_MS = 60_000;
const PARTY = join(import.meta.dirname, 'party.ts');

type Party = {
  readonly process: Forked<ToParty, FromParty>;
  readonly sso: number;
  readonly encrypted: number;
};

/** @returns one of each kind for each round, in the order in which they were made */
export async function measureLogIns(rounds: number, progress: (line: string) => void): Promise<LogIn[]> {
  const range = await createAgentRange([ALPHA, BETA]);
  const forget = endIfInterrupted(() => range.stop());
  const forked = startForked<ToParty, FromParty>(PARTY);
  try {
    const ports = await forked.call({ type: 'start', plan: range.planOf(BETA) }, 'ready');
    const party = { process: forked, ...ports };
    const found: LogIn[] = [];
    for (let round = -WARM_UP_ROUNDS; round < rounds; round += 1) {
      const made = await oneOfEach(range, party);
      if (round >= 0) found.push(...made);
      progress(made.map(({ kind, total }) => `${kind} ${total.toFixed(1)} ms`).join(', '));
    }
    return found;
  } finally {
    await forked.stop();
    await range.stop();
    forget();
  }
}

/** By an agent that has no session yet. */
async function oneOfEach(range: AgentRange, party: Party): Promise<LogIn[]> {
  const user = await range.start(ALPHA);
  const made: LogIn[] = [];
  for (const kind of LOG_INS) made.push(await logIn(user, party, kind));
  const { logIns } = user.agent.status().logIn;
  if (logIns !== 1) throw new Error(`${logIns} log-ins at the identity provider, not one`);
  await user.stop();
  return made;
}

async function logIn(user: RangeAgent, party: Party, kind: LogInKind): Promise<LogIn> {
  const level = kind === 'EXTERNAL' ? 'encrypted' : 'sso';
  const arrived = party.process.next('stanza');
  const [from, begin] = [user.lines.length, monotonicMs()];
  const stream = await connectS2s({
    pair: { local: ALPHA, remote: BETA },
    address: { host: '127.0.0.1', port: party[level] },
    policy: user.policyFor(BETA, level)!,
    credentials: user.issued,
    saml: user.agent.user,
    ...{ log: user.log, clock, random, signal: AbortSignal.timeout(LIMIT_MS) },
  });
  await stream.send(xml('message', { from: ALPHA, to: BETA }, xml('body', {}, kind)));
  const { at } = await arrived;
  const phases = phasesOf(begin, user.lines.slice(from), at);
  await stream.close();
  return { kind, total: at - begin, phases };
}
