/** One machine of three is lost under load, and comes back: what that was to whoever asks, and to what was accepted. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LabDomain, LabMachine } from '@mom4c/lab';
import type { Requester } from '@mom4c/member';
import type { CountedActs } from '../../support/counted-acts.ts';
import { leaderOf, untilStandbys } from '../../support/leader.ts';
import { lose, restore, streamsLeader } from '../../support/lost-machines.ts';
import { steadyLoad } from '../../support/steady-load.ts';
import { answered } from './answered.ts';
import { tail, takeOver, terms } from './timeline.ts';
import type { TakeOver } from './timeline.ts';

/** What is on the machine that is lost: the manager that leads, the leader of the streams, or neither. */
export type Role = 'manager' | 'streams' | 'neither';
export type Farewell = 'crash' | 'silence';

export type MachineLoss = {
  readonly role: Role;
  readonly farewell: Farewell;
  /** Milliseconds: the longest time without an answer before the loss, from then to the return, and after that. */
  readonly gaps: { readonly before: number; readonly lost: number; readonly back: number };
  /** How many epochs were opened from the loss to the end. */
  readonly terms: number;
  /** To the first of them. */
  readonly takeOver: TakeOver | undefined;
  readonly accepted: number;
  /** Accepted, and without an outcome: by code. */
  readonly lost: Readonly<Record<string, number>>;
  /** Never accepted, by code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Targets by state. */
  readonly states: Readonly<Record<string, number>>;
  /** Acts that an executor did more than once. */
  readonly twice: number;
};

export type Range = {
  readonly domain: LabDomain;
  readonly requester: Requester;
  readonly acts: CountedActs;
  readonly executors: readonly string[];
  readonly inFlight: number;
  /** Milliseconds that each of those rests. */
  readonly rest: number;
  /** Milliseconds for which the machine stays lost. */
  readonly away: number;
};

export async function loseMachine(range: Range, role: Role, farewell: Farewell): Promise<MachineLoss> {
  const { domain, requester, acts, inFlight } = range;
  await untilStandbys(requester, domain.machines.length - 1);
  const { name } = await leaderOf(requester);
  const active = domain.machines.find(({ manager }) => manager.name === name)!;
  const machine = chosen(domain, role, active, await streamsLeader(domain, active));
  acts.forget();
  const answers = answered(requester);
  const begun = Date.now();
  const load = steadyLoad(answers, inFlight, () => acts.next(), range.rest);
  await load.progress(10 * inFlight);

  const [managers, executors] = [domain.machines.map(({ manager }) => manager.name), range.executors].map(
    (names) => names.map((each) => tail(domain.node(each).process!.logFile)),
  );
  const at = Date.now();
  await lose(machine, farewell);
  await pause(range.away);
  const back = Date.now();
  await restore(machine);
  await untilStandbys(requester, domain.machines.length - 1);
  await load.progress(10 * inFlight);
  const ended = Date.now();
  const { accepted, lost, refused, states } = await load.end();
  const [lines, executed] = [managers!, executors!].map((reads) => reads.flatMap((read) => read()));
  const epochs = terms(lines!);
  const [first] = epochs;
  return {
    ...{ role, farewell },
    gaps: {
      before: answers.longestGap(begun, at),
      lost: answers.longestGap(at, back),
      back: answers.longestGap(back, ended),
    },
    ...{
      terms: epochs.length,
      takeOver: first === undefined ? undefined : takeOver(at, first, lines!, executed!),
    },
    ...{ accepted, lost, refused, states, twice: acts.twice().length },
  };
}

function chosen({ machines }: LabDomain, role: Role, active: LabMachine, streams: LabMachine): LabMachine {
  if (role === 'manager') return active;
  if (role === 'streams') return streams;
  return machines.find((machine) => machine !== active && machine !== streams)!;
}
