/** What a cluster manager counts; docs/observability.md is made from this. */
import type { Bus } from '@mom4c/bus';
import type { SharedJournal } from '@mom4c/core';
import type { MetricDefinition, Metrics } from '@mom4c/runtime';
import type { DeskObserver } from './command-desk.ts';
import type { Events } from './events.ts';
import type { Roster } from './roster.ts';
import type { Seat } from './seat.ts';
import type { Succession } from './succession.ts';

const TARGETS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

export const clusterManagerMetrics = {
  requests: {
    name: 'command_requests_total',
    type: 'counter',
    help: 'Requests that were decided on.',
    labels: { decision: '`accepted` or `rejected`' },
  },
  outcomes: {
    name: 'command_outcomes_total',
    type: 'counter',
    help: 'Outcomes of targets of finished commands.',
    labels: { state: '`ok`, `refused`, `failed`, `unknown`, `no-answer`' },
  },
  seconds: {
    name: 'command_duration_seconds',
    type: 'histogram',
    help: 'From the acceptance of a command to the outcome of its last target.',
  },
  targets: {
    name: 'command_targets',
    type: 'histogram',
    help: 'Targets of an accepted command.',
    buckets: TARGETS,
  },
  pending: { name: 'commands_pending', type: 'gauge', help: 'Commands that are under way.' },
  present: { name: 'executors_present', type: 'gauge', help: 'Task executors that are present.' },
  lost: {
    name: 'executors_lost',
    type: 'gauge',
    help: 'Task executors that are gone without a word, or give no sign.',
  },
  pings: {
    name: 'heartbeat_pings_total',
    type: 'counter',
    help: 'Pings to task executors that were silent.',
  },
  watchers: { name: 'event_watchers', type: 'gauge', help: 'Sessions that watch events.' },
  room: { name: 'room_entries_total', type: 'counter', help: 'Times that the manager came into its room.' },
  bus: { name: 'bus_connected', type: 'gauge', help: '1 while the NATS server of the domain is connected.' },
  busLosses: {
    name: 'bus_losses_total',
    type: 'counter',
    help: 'Times that the connection to the NATS server was lost.',
  },
  leads: { name: 'manager_leads', type: 'gauge', help: '1 while this manager is the active one.' },
  epoch: {
    name: 'manager_epoch',
    type: 'gauge',
    help: 'Under which this manager leads; none while it stands by.',
    labels: { generation: 'of the epoch; the value is its counter' },
  },
  terms: { name: 'manager_terms_total', type: 'counter', help: 'Times that this manager began to lead.' },
  lag: {
    name: 'journal_lag_records',
    type: 'gauge',
    help: 'Records of the journal that this manager has not yet; none while it does not know.',
  },
  journal: {
    name: 'journal_accept_seconds',
    type: 'histogram',
    help: 'Until an accepted command was synced to the disk and acknowledged by the stream.',
  },
} as const satisfies Record<string, MetricDefinition>;

export function deskObserver(metrics: Metrics): DeskObserver {
  const requests = metrics.counter(clusterManagerMetrics.requests);
  const outcomes = metrics.counter(clusterManagerMetrics.outcomes);
  const seconds = metrics.histogram(clusterManagerMetrics.seconds);
  const targets = metrics.histogram(clusterManagerMetrics.targets);
  return {
    accepted(count) {
      requests.add({ decision: 'accepted' });
      targets.observe(count);
    },
    rejected: () => requests.add({ decision: 'rejected' }),
    finished(took, states) {
      seconds.observe(took / 1000);
      for (const state of states) outcomes.add({ state });
    },
  };
}

/** @param onFault it could not be written: this manager is of no use */
export function watchedJournal(journal: SharedJournal, metrics: Metrics): SharedJournal {
  const seconds = metrics.histogram(clusterManagerMetrics.journal);
  return {
    ...journal,
    get led() {
      return journal.led;
    },
    get lag() {
      return journal.lag;
    },
    async accept(entry) {
      const begun = performance.now();
      const accepted = await journal.accept(entry);
      seconds.observe((performance.now() - begun) / 1000);
      return accepted;
    },
  };
}

export function watchManager(
  metrics: Metrics,
  parts: {
    bus: Bus;
    seat: Seat;
    roster: Roster;
    journal: SharedJournal;
    succession: Succession;
    events: Events;
  },
): void {
  const { bus, seat, roster, journal, succession, events } = parts;
  const losses = metrics.counter(clusterManagerMetrics.busLosses);
  bus.onConnection((connected) => {
    if (!connected) losses.add();
  });
  const entries = metrics.counter(clusterManagerMetrics.room);
  entries.add();
  seat.room.onJoined(() => entries.add());
  const terms = metrics.counter(clusterManagerMetrics.terms);
  succession.onTerm(() => terms.add());
  metrics.watch(clusterManagerMetrics.bus, () => Number(bus.connected));
  metrics.watch(clusterManagerMetrics.present, () => roster.presentCount);
  metrics.watch(
    clusterManagerMetrics.lost,
    () => [...events.nodes.known.values()].filter(({ state }) => state === 'lost').length,
  );
  metrics.watch(clusterManagerMetrics.watchers, () => succession.term?.subscriptions.size ?? 0);
  metrics.watch(clusterManagerMetrics.pending, () => succession.term?.desk.pendingCount ?? 0);
  metrics.watch(clusterManagerMetrics.leads, () => Number(succession.term !== undefined));
  metrics.watch(clusterManagerMetrics.epoch, () => {
    const epoch = succession.term?.epoch;
    return epoch ? [[{ generation: String(epoch.generation) }, epoch.counter] as const] : [];
  });
  metrics.watch(clusterManagerMetrics.lag, () =>
    journal.lag === undefined ? [] : [[{}, journal.lag] as const],
  );
}
