/** The cluster manager: accepts commands of administrators, sends them to task executors, reports their outcomes; or stands
 *  by until the one that does so is gone. */
import { join } from 'node:path';
import { policyOf } from '@mom4c/access';
import { connectBus, keepLeadersApart, openJournal, openLeaseStore } from '@mom4c/bus';
import { Candidate, storeLimitMs } from '@mom4c/cluster';
import { VERSION } from '@mom4c/core';
import type { Epoch, SharedJournal } from '@mom4c/core';
import { journalRecords } from '@mom4c/messaging';
import { runMember } from '@mom4c/member';
import type { Running, Started } from '@mom4c/member';
import { awaitMajority } from './await-majority.ts';
import type { DeskParts } from './command-desk.ts';
import { followEvents } from './event-replica.ts';
import { EventMemory } from './event-memory.ts';
import { Events } from './events.ts';
import { gatewayOver } from './gateway-port.ts';
import { Generation } from './generation.ts';
import { Letters } from './letters.ts';
import { managersPort } from './manager-port.ts';
import { clusterManagerMetrics, deskObserver, watchManager, watchedJournal } from './metrics.ts';
import { askForSign, keepLookingAtCertificates } from './heartbeat.ts';
import { keepReserve } from './reserve.ts';
import { RosterMemory } from './roster-memory.ts';
import { RecentCallers } from './recent-callers.ts';
import { Rehearsal } from './rehearsal.ts';
import { Roster } from './roster.ts';
import { Seat } from './seat.ts';
import { clusterManagerSettings } from './settings.ts';
import type { ClusterManagerSettings } from './settings.ts';
import { Standbys } from './standbys.ts';
import { Succession } from './succession.ts';
import { Term } from './term.ts';

const LEASE = 'mom4c-lease';
const COMMANDS = 'mom4c-commands';

await runMember({ name: 'cluster-manager', role: 'cm', schema: clusterManagerSettings, start });

async function start(running: Running<ClusterManagerSettings>): Promise<Started> {
  const { app, settings, log, member, metrics, refusals, onStop } = running;
  const { clock, random } = member;
  const started = clock.now();
  const { replicas } = settings.nats;
  const leaseMs = settings.lease.seconds * 1000;
  const bus = await connectBus({ url: settings.nats.url, name: settings.name, tls: member.tls, log });
  onStop('bus', () => bus.close());
  const store = await awaitMajority(member, () =>
    openLeaseStore({ bus, bucket: LEASE, replicas, answerMs: storeLimitMs(leaseMs), clock, log }),
  );
  const records = journalRecords(member.signer, member.verifier);
  const opened = await awaitMajority(member, () =>
    openJournal({
      file: join(settings.state, 'journal.sqlite'),
      jetstream: { bus, stream: COMMANDS, replicas },
      records,
      clock,
      log,
    }),
  );
  onStop('journal', () => opened.close());
  const journal: SharedJournal = watchedJournal(opened, metrics);

  const own = {
    name: settings.name,
    role: 'cm',
    address: member.address,
    version: VERSION,
    since: started / 1000,
  } as const;
  const memory = new RosterMemory(join(settings.state, 'roster.json'), member);
  onStop('roster', () => memory.close());
  const events = new Events({
    ...{ name: settings.name, clock, random, log },
    memory: new EventMemory(join(settings.state, 'events.json'), member),
    heartbeatMs: settings.heartbeat.seconds * 1000,
    ask: (name) =>
      askForSign({ seat, roster, heard: (whose) => events.nodes.heard(whose, true), pings }, name),
  });
  onStop('events', () => events.close());
  const roster = new Roster(member, own, memory, events.rosterWatch);
  const standbys = new Standbys(settings.name, clock);
  const pings = metrics.counter(clusterManagerMetrics.pings);
  const generation = new Generation(join(settings.state, 'generation'), member, () => succession.consider());
  const candidate = new Candidate({
    name: settings.name,
    instance: Buffer.from(random.bytes(8)).toString('hex'),
    store,
    clock,
    log,
    generation: () => generation.current,
    opened: () => journal.led,
    leaseMs,
  });

  // Watches until it may stand: so it is known who leads when this manager is ready.
  candidate.start();

  const letters = new Letters(member, refusals);
  const seat = await Seat.take(
    member,
    letters,
    refusals,
    {
      roster,
      standbys,
      managers: events.managers,
      node: settings.node,
      onStandbys: () => succession.standbysChanged(),
      onArrival: (name) => succession.term?.desk.arrived(name),
      onRole(name, manager, isManager) {
        const kind = isManager ? 'node-manager' : 'node-executor';
        const text = isManager ? `is manager ${manager} as well` : `is not manager ${manager} any more`;
        events.note({ kind, severity: 'info', subject: name, text });
      },
      onFit: () => succession.consider(),
      onManagerGone: (name) => succession.managerGone(name),
      admit: (statement) => generation.admit(statement),
      onStatement: (statement) => succession.follow(statement),
      // Going on in the dark, or fighting for the address, would help nobody.
      onEnded: (error) => void app.fail(error),
    },
    { onStop, silence: { afterMs: leaseMs / 3, answerMs: leaseMs / 3 } },
  );

  followEvents(seat.service, {
    ...{ member, letters, highest: () => seat.highest },
    leads: () => succession.term !== undefined,
    adopt: (told) => events.adopt(told),
  });
  const observer = deskObserver(metrics);
  const policy = policyOf(settings.people);
  const recentCallers = new RecentCallers(clock);
  const rehearsal = new Rehearsal({ member, roster, records, leads: () => succession.term !== undefined });
  opened.onAccepted((entry) => {
    recentCallers.accepted(entry);
    rehearsal.accepted(entry);
  });
  const openTerm = (epoch: Epoch): Term => {
    /** The request that asked for the hand-over, and in whose favour. */
    let handOver: { request: string | undefined; to: string } | undefined;
    const managers: DeskParts['managers'] = (request) =>
      managersPort({
        ...{ member, standbys, epoch, started, node: settings.node },
        leaseLeft: () => leaseMs - (candidate.lease?.ageMs ?? leaseMs),
        promote: (to) => (handOver = { request, to }),
      });
    return new Term({
      ...{ member, seat, letters, refusals, roster, journal, observer, policy, epoch, managers },
      federation: gatewayOver(bus),
      stated: generation.statement,
      events,
      managersHere: () => standbys.others(),
      recentCallers: () => recentCallers.list(),
      onEpochRefused(executor) {
        void generation.suspect();
        const text = `refuses what comes under epoch ${epoch.generation}.${epoch.counter}`;
        events.note({
          ...{ kind: 'epoch-refused', severity: 'alarm', subject: executor, text, code: 'M4C_EPOCH' },
        });
      },
      holds: () => candidate.holding,
      standbys: () => standbys.ranked(),
      keepReserve: (desk) =>
        keepReserve({
          ...{ member, roster, standbys, desk, node: settings.node, wanted: settings.standbys.wanted },
          settle: settings.standbys.settle * 1000,
          handOver: (to) => candidate.handOver(to),
        }),
      addressEvents: {
        onConflict: () => void candidate.resign().catch(() => {}),
        onFatal: (error) => void app.fail(error),
      },
      onReported(request) {
        if (handOver?.request === request)
          candidate.handOver(handOver.to).catch((thrown: unknown) => {
            const { code, detail } = member.errorOf(thrown);
            log.warn({ code, detail, to: handOver?.to }, 'the lease was not handed over');
          });
      },
    });
  };
  const succession = new Succession({ name: settings.name, member, candidate, seat, bus, journal, openTerm });
  onStop('succession', () => succession.stop());
  opened.onFileFault(() => succession.journalFault());
  if (replicas === 3) {
    const streams = [COMMANDS, `KV_${LEASE}`];
    const apart = keepLeadersApart({ bus, streams, wanted: () => candidate.holding, clock, log });
    onStop('stream leaders', () => apart.close());
    succession.onTerm(() => apart.begin());
  }
  watchManager(metrics, { bus, seat, roster, journal, succession, events });
  keepLookingAtCertificates({ member, roster, events });
  generation.start();
  return {
    checks: new Map([
      ['xmpp', () => ({ ok: seat.own.online && (succession.term?.online ?? true) })],
      ['room', () => ({ ok: seat.room.joined })],
      ['bus', () => ({ ok: bus.connected })],
    ]),
    ready: succession.settled,
  };
}
