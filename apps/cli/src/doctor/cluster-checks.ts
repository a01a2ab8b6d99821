/** What only a member sees: log-in, the manager's signed answer, and what that says of its bus and the nodes. */
import { ERRORS, Mom4cError, VERSION, systemClock, systemRandom, silentLog } from '@mom4c/core';
import type { NodeInfo } from '@mom4c/core';
import { nodes } from '@mom4c/commands';
import { startMember } from '@mom4c/member';
import type { Member } from '@mom4c/member';
import type { PayloadOf } from '@mom4c/messaging';
import type { XmppSession } from '@mom4c/xmpp';
import { askManager } from './ask-manager.ts';
import type { Found } from './examination.ts';
import type { Own } from './own-checks.ts';

export type LoggedIn = { member: Member; session: XmppSession; stop: () => Promise<void> };

export type ManagerAnswer = {
  accepted: PayloadOf<'accepted'> | undefined;
  nodes: readonly NodeInfo[];
  /** It answered, but cannot write down commands. */
  journal: Mom4cError | undefined;
};

/** @param onStop gets what must be closed in the end, also where the log-in fails */
export async function checkLogIn(
  { settings }: Own,
  signal: AbortSignal,
  onStop: (stop: () => void | Promise<void>) => void,
): Promise<Found<LoggedIn>> {
  const surroundings = { clock: systemClock, random: systemRandom, log: silentLog, signal };
  const started = await startMember(settings, 'admin', surroundings, (_name, stop) => onStop(stop));
  // The time limit of this check is not that of the following ones.
  const member = { ...started, signal: new AbortController().signal };
  const session = member.session(
    `doctor-${process.pid}-${Buffer.from(member.random.bytes(4)).toString('hex')}`,
  );
  onStop(() => session.stop());
  try {
    await session.start(signal);
  } catch (thrown) {
    if (!(thrown instanceof Mom4cError) || thrown.code !== 'M4C_STOPPED') throw thrown;
    throw new Mom4cError('M4C_XMPP_UNREACHABLE', 'the log-in gets no answer', { cause: thrown });
  }
  const way = settings.xmpp.passwordFile === undefined ? 'certificate' : 'password';
  return {
    says: `as ${session.jid.split('/')[0]}, by ${way}`,
    value: { member, session, stop: () => session.stop() },
  };
}

export async function checkManager({ member, session }: LoggedIn): Promise<Found<ManagerAnswer>> {
  let accepted: PayloadOf<'accepted'> | undefined;
  try {
    const answer = await askManager({ member, session }, nodes, (said) => (accepted = said));
    const { nodes: all } = answer.result as { nodes: NodeInfo[] };
    const epoch = accepted
      ? `epoch ${accepted.epoch.generation}.${accepted.epoch.counter}`
      : 'epoch not told';
    const says = `${answer.target} answers as ${answer.from}, ${epoch}, signed ${age(accepted?.time ?? Date.now())}`;
    return { says, value: { accepted, nodes: all, journal: undefined } };
  } catch (thrown) {
    if (!(thrown instanceof Mom4cError) || thrown.code !== 'M4C_JOURNAL') throw thrown;
    return { says: 'it answers, and accepts nothing', value: { accepted, nodes: [], journal: thrown } };
  }
}

const age = (time: number): string => `${((Date.now() - time) / 1000).toFixed(1)} s ago`;

/** The bus of the domain is seen from here by what it is for: nothing is accepted that is not in the journal. */
export async function checkBus({ journal }: ManagerAnswer): Promise<Found<undefined>> {
  if (journal) throw journal;
  return { says: 'the manager wrote our request to its journal, there and on its disk', value: undefined };
}

export async function checkVersions({ nodes: all }: ManagerAnswer): Promise<Found<undefined>> {
  const others = all.filter(({ version }) => version !== undefined && version !== VERSION);
  if (others.length === 0) return { says: `${VERSION} here and everywhere`, value: undefined };
  const some = others.slice(0, 5).map(({ name, version }) => `${name} has ${version}`);
  return {
    says: `${VERSION} here; ${some.join(', ')}${others.length > 5 ? `, and ${others.length - 5} more differ` : ''}`,
    value: undefined,
    warn: { remedy: 'Bring manager, nodes and command line to one version; the manager first.' },
  };
}

export async function checkNodes({ nodes: all, journal }: ManagerAnswer): Promise<Found<undefined>> {
  if (journal) return { says: 'not told', value: undefined, warn: { remedy: 'Mend the bus first.' } };
  const executors = all.filter(({ role }) => role === 'te');
  const silentOnes = executors.filter(({ silent: isSilent }) => isSilent);
  const absent = executors.filter(({ present, silent: isSilent }) => !present && !isSilent);
  const here = executors.length - silentOnes.length - absent.length;
  const says = [
    `${here} of ${executors.length} task executors are there`,
    ...listed('silent', silentOnes),
    ...listed('away', absent),
  ].join('; ');
  if (silentOnes.length > 0) return { says, value: undefined, warn: { remedy: ERRORS.M4C_NO_ANSWER.fix } };
  if (absent.length > 0) return { says, value: undefined, warn: { remedy: ERRORS.M4C_TARGET_ABSENT.fix } };
  return { says, value: undefined };
}

function listed(word: string, some: readonly NodeInfo[]): string[] {
  if (some.length === 0) return [];
  const names = some.slice(0, 5).map(({ name }) => name);
  return [`${word}: ${names.join(', ')}${some.length > 5 ? ', …' : ''}`];
}
