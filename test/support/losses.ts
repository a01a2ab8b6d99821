/** What may go wrong around three managers: each loss strikes under load, and is mended again. */
import { openNodeLog } from './node-log.ts';
import type { LogLine } from './node-log.ts';
import { freeze } from './processes.ts';
import { until } from './until.ts';
import { MANAGERS } from './fail-over-range.ts';
import type { FailOverRange } from './fail-over-range.ts';
import type { Ways } from './cut-off.ts';

export type Loss = {
  /** Short, for a table. */
  readonly id: string;
  readonly name: string;
  /** Does somebody lead while it lasts? */
  readonly served: boolean;
  /** @returns mends it */
  readonly strike: (range: FailOverRange, leader: string) => Promise<() => Promise<void>>;
};

const SIGKILL = { signal: 'SIGKILL' } as const;

export const kill: Loss = {
  id: 'kills',
  name: 'the manager that leads is killed',
  served: true,
  strike: ({ domain }, leader) => killed(domain.node(leader)),
};

/** Those that wait for a lease, or for a server that all need. */
export const OUTAGES: readonly Loss[] = [
  {
    id: 'hang',
    name: 'the manager that leads hangs',
    served: true,
    async strike({ domain }, leader) {
      domain.node(leader).signal('SIGSTOP');
      return async () => void domain.node(leader).signal('SIGCONT');
    },
  },
  {
    id: 'xmpp-server',
    name: 'the XMPP server is killed',
    served: false,
    strike: ({ domain }) => killed(domain.xmppServer),
  },
  {
    id: 'nats-server',
    name: 'the NATS server is killed',
    served: false,
    strike: ({ domain }) => killed(domain.server('nats-server')),
  },
  {
    id: 'directory',
    name: 'the directory is away',
    served: true,
    strike: ({ domain }) => killed(domain.server('slapd')),
  },
];

/** Those of managers, and of their links: with relays. */
export const SEPARATIONS: readonly Loss[] = [
  cutOff('cut-off-xmpp', 'XMPP only', ['xmpp']),
  cutOff('cut-off-bus', 'the bus only', ['bus']),
  cutOff('cut-off-both', 'XMPP and bus', ['xmpp', 'bus']),
  {
    id: 'two-managers',
    name: 'two of three managers are killed',
    served: true,
    strike: ({ domain }, leader) =>
      killed(domain.node(leader), domain.node(MANAGERS.find((name) => name !== leader)!)),
  },
  {
    id: 'all-managers',
    name: 'all managers are killed',
    served: false,
    strike: ({ domain }) => killed(...MANAGERS.map((name) => domain.node(name))),
  },
];

/** Its device waits, so an act is under way; it stands still before that is written, and dies before it can know. */
export const executorKilled: Loss = {
  id: 'executor',
  name: 'an executor is killed between act and record',
  served: false,
  async strike({ domain, acts }) {
    const node = domain.node('te1');
    const log = openNodeLog(node.process!.logFile);
    const unblock = await acts.block('te1');
    const mark = log.mark();
    // One sets it now, or is refused because of one that did just before.
    const isHeld = ({ msg, code }: LogLine): boolean => msg === 'sets' || code === 'M4C_ACTUATOR_FAILED';
    await log.next(mark, 'an act under way', isHeld);
    await freeze(node.process!.pid);
    const acted = acts.countOf('te1');
    unblock();
    await until(() => acts.countOf('te1') > acted);
    return killed(node);
  },
};

type Killed = Pick<ReturnType<FailOverRange['domain']['node']>, 'stop' | 'start'>;

async function killed(...parts: readonly Killed[]): Promise<() => Promise<void>> {
  await Promise.all(parts.map((part) => part.stop(SIGKILL)));
  return async () => void (await Promise.all(parts.map((part) => part.start())));
}

/** Nothing passes any more, and nobody is told. */
function cutOff(id: string, what: string, ways: readonly ('xmpp' | 'bus')[]): Loss {
  return {
    id,
    name: `the manager that leads is cut off from ${what}`,
    served: true,
    async strike(range, leader) {
      const own: Ways = range.ways.get(leader)!;
      for (const way of ways) own[way].hold();
      return async () => {
        for (const way of ways) own[way].release();
      };
    },
  };
}
