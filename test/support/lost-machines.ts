/** What happens to whole machines: a lab with `machines` is needed, and that needs root. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { LabDomain, LabMachine } from '@mom4c/lab';
import { until } from './until.ts';

/** Why such a lab cannot be had here; false: it can. */
export const noMachines: string | false =
  process.getuid?.() === 0 ? mayNot() : 'network namespaces can be made by root only';

function mayNot(): string | false {
  try {
    execFileSync('ip', ['netns', 'list'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'there is no `ip netns` here';
  }
}

/**
 * Everything on it dies at once, and its cable is out.
 * @param farewell whether the others are told (`crash`: the kernel still closes the connections of what died) or find out by
 *   themselves (`silence`: nothing passes the cable any more)
 */
export async function lose(machine: LabMachine, farewell: 'crash' | 'silence' = 'crash'): Promise<void> {
  if (farewell === 'silence') await machine.setCable(false);
  await Promise.all([machine.server, machine.manager].map((part) => part.stop({ signal: 'SIGKILL' })));
  if (farewell === 'silence') return;
  await until(() => isDisconnected(machine));
  await machine.setCable(false);
}

/** In states of proc_net_tcp(5): somebody at the other end has not been told yet. */
const OPEN = /^ *\d+: \S+ \S+ (?:01|04|08|09|0B) /m;

/** Threads that still end keep the connections of their process open when that is dead already. */
function isDisconnected({ namespace }: LabMachine): boolean {
  const sockets = ['netns', 'exec', namespace, 'cat', '/proc/net/tcp', '/proc/net/tcp6'];
  return !OPEN.test(execFileSync('ip', sockets, { encoding: 'utf8' }));
}

/** As after its power is back: with the disks that it had. */
export async function restore(...machines: readonly LabMachine[]): Promise<void> {
  await Promise.all(machines.map((machine) => machine.setCable(true)));
  await Promise.all(machines.map(({ server }) => server.start()));
  await Promise.all(machines.map(({ manager }) => manager.start()));
}

const ELECTED = /^\[\d+\] (\S+ \S+) .*JetStream cluster new stream leader for '\$G > ([\w-]+)'$/;
const STREAMS = ['mom4c-commands', 'KV_mom4c-lease'];

/** Where the leaders of the streams are, once they are together and not on the machine of who leads the domain: by the logs of
 *  the servers, all of which run. */
export async function streamsLeader({ machines }: LabDomain, active: LabMachine): Promise<LabMachine> {
  let leader: LabMachine | undefined;
  await until(() => {
    const [first, ...others] = STREAMS.map((stream) => lastElected(machines, stream));
    leader = others.every((other) => other === first) ? first : undefined;
    return leader !== undefined && leader !== active;
  });
  return leader!;
}

function lastElected(machines: readonly LabMachine[], stream: string): LabMachine | undefined {
  const elected = machines.map((machine) => ({ machine, at: lastElection(machine, stream) }));
  const latest = elected.reduce((last, each) => (each.at > last.at ? each : last));
  return latest.at === '' ? undefined : latest.machine;
}

/** As its log writes times, which sort as texts; empty: it was never elected. */
function lastElection({ server }: LabMachine, stream: string): string {
  const lines = readFileSync(server.process!.logFile, 'utf8').split('\n');
  return lines.reduce((last, line) => {
    const [, at = '', elected] = ELECTED.exec(line) ?? [];
    return elected === stream && at > last ? at : last;
  }, '');
}
