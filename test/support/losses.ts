/** What may go wrong around three managers: each loss strikes under load, and is mended again. */
import { MANAGERS } from './fail-over-range.ts';
import type { FailOverRange } from './fail-over-range.ts';
import type { Ways } from './cut-off.ts';

export type Loss = {
  readonly name: string;
  /** Does somebody lead while it lasts? */
  readonly served: boolean;
  /** @returns mends it */
  readonly strike: (range: FailOverRange, leader: string) => Promise<() => Promise<void>>;
};

const SIGKILL = { signal: 'SIGKILL' } as const;

export const kill: Loss = {
  name: 'the manager that leads is killed',
  served: true,
  strike: ({ domain }, leader) => killed(domain.node(leader)),
};

/** Those that wait for a lease, or for a server that all need. */
export const OUTAGES: readonly Loss[] = [
  {
    name: 'the manager that leads hangs',
    served: true,
    async strike({ domain }, leader) {
      domain.node(leader).signal('SIGSTOP');
      return async () => void domain.node(leader).signal('SIGCONT');
    },
  },
  { name: 'the XMPP server is killed', served: false, strike: ({ domain }) => killed(domain.xmppServer) },
  {
    name: 'the NATS server is killed',
    served: false,
    strike: ({ domain }) => killed(domain.server('nats-server')),
  },
  { name: 'the directory is away', served: true, strike: ({ domain }) => killed(domain.server('slapd')) },
];

/** Those of managers, and of their links: with relays. */
export const SEPARATIONS: readonly Loss[] = [
  cutOff('XMPP only', ['xmpp']),
  cutOff('the bus only', ['bus']),
  cutOff('XMPP and bus', ['xmpp', 'bus']),
  {
    name: 'two of three managers are killed',
    served: true,
    strike: ({ domain }, leader) =>
      killed(domain.node(leader), domain.node(MANAGERS.find((name) => name !== leader)!)),
  },
  {
    name: 'all managers are killed',
    served: false,
    strike: ({ domain }) => killed(...MANAGERS.map((name) => domain.node(name))),
  },
];

export const LOSSES: readonly Loss[] = [...OUTAGES, ...SEPARATIONS];

type Killed = Pick<ReturnType<FailOverRange['domain']['node']>, 'stop' | 'start'>;

async function killed(...parts: readonly Killed[]): Promise<() => Promise<void>> {
  await Promise.all(parts.map((part) => part.stop(SIGKILL)));
  return async () => void (await Promise.all(parts.map((part) => part.start())));
}

/** Nothing passes any more, and nobody is told. */
function cutOff(what: string, ways: readonly ('xmpp' | 'bus')[]): Loss {
  return {
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
