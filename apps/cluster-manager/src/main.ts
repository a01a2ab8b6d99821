/** The cluster manager: accepts commands of administrators, sends them to task executors, reports their outcomes. */
import { join } from 'node:path';
import { policyOf } from '@mom4c/access';
import { connectBus, openJournal } from '@mom4c/bus';
import { VERSION } from '@mom4c/core';
import { runMember } from '@mom4c/member';
import type { Running, Started } from '@mom4c/member';
import { openDoors } from './doors.ts';
import { gatewayOver } from './gateway-port.ts';
import { Leadership } from './leadership.ts';
import { clusterManagerMetrics, deskObserver, timedJournal } from './metrics.ts';
import { RosterMemory } from './roster-memory.ts';
import { Roster } from './roster.ts';
import { clusterManagerSettings } from './settings.ts';
import type { ClusterManagerSettings } from './settings.ts';

await runMember({ name: 'cluster-manager', role: 'cm', schema: clusterManagerSettings, start });

async function start(running: Running<ClusterManagerSettings>): Promise<Started> {
  const { app, settings, log, member, metrics, refusals, onStop } = running;
  const bus = await connectBus({ url: settings.nats.url, name: settings.name, tls: member.tls, log });
  onStop('bus', () => bus.close());
  metrics.watch(clusterManagerMetrics.bus, () => Number(bus.connected));
  const losses = metrics.counter(clusterManagerMetrics.busLosses);
  bus.onConnection((connected) => {
    if (!connected) losses.add();
  });
  const opened = await openJournal({
    file: join(settings.state, 'journal.sqlite'),
    jetstream: { bus, stream: 'mom4c-commands', replicas: 1 },
    clock: member.clock,
    log,
  });
  onStop('journal', () => opened.close());
  const journal = timedJournal(opened, metrics);

  const own = {
    name: settings.name,
    role: 'cm',
    address: member.address,
    version: VERSION,
    since: Date.now() / 1000,
  } as const;
  const memory = new RosterMemory(join(settings.state, 'roster.json'), member);
  onStop('roster', () => memory.close());
  const roster = new Roster(member, own, memory);
  const leadership = new Leadership(member);
  const leftovers = await journal.unfinished();
  const observer = deskObserver(metrics);
  const doors = await openDoors(
    {
      member,
      journal,
      roster,
      leadership,
      policy: policyOf(settings.people),
      federation: gatewayOver(bus),
      observer,
    },
    {
      refusals,
      // Going on in the dark, or fighting for the address, would help nobody.
      onEnded: (error) => void app.fail(error),
      onStop,
    },
  );
  const entries = metrics.counter(clusterManagerMetrics.room);
  entries.add();
  doors.room.onJoined(() => entries.add());
  metrics.watch(clusterManagerMetrics.present, () => roster.presentCount);
  metrics.watch(clusterManagerMetrics.pending, () => doors.desk.pendingCount);
  doors.desk.finishLeftovers(leftovers);
  return {
    checks: new Map([
      ['xmpp', () => ({ ok: doors.service.online })],
      ['room', () => ({ ok: doors.room.joined })],
      ['bus', () => ({ ok: bus.connected })],
    ]),
  };
}
