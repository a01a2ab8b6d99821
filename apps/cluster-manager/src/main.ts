/** The cluster manager: accepts commands of administrators, sends them to task executors, reports their outcomes. */
import { join } from 'node:path';
import { policyOf } from '@mom4c/access';
import { connectBus, openJournal } from '@mom4c/bus';
import { VERSION, systemClock, systemRandom } from '@mom4c/core';
import { createRefusals, identityFindings, startMember } from '@mom4c/member';
import {
  answersCheck,
  configFile,
  createMetrics,
  loadConfig,
  runApp,
  startHealthServer,
} from '@mom4c/runtime';
import type { App } from '@mom4c/runtime';
import { openDoors } from './doors.ts';
import { Leadership } from './leadership.ts';
import { RosterMemory } from './roster-memory.ts';
import { Roster } from './roster.ts';
import { clusterManagerSettings } from './settings.ts';

if (!answersCheck(clusterManagerSettings, process.argv.slice(2), identityFindings))
  await runApp({ name: 'cluster-manager', start });

async function start(app: App): Promise<void> {
  const settings = loadConfig(clusterManagerSettings, {
    file: configFile(process.argv.slice(2)),
    env: process.env,
  });
  app.log.setLevel(settings.log.level);
  const log = app.log.child({ node: settings.name });
  const around = { clock: systemClock, random: systemRandom, log, signal: app.signal };
  const onStop = app.onStop.bind(app);

  const member = await startMember(settings, 'cm', around, onStop);
  const bus = await connectBus({ url: settings.nats.url, name: settings.name, tls: member.tls, log });
  onStop('bus', () => bus.close());
  const journal = await openJournal({
    file: join(settings.state, 'journal.sqlite'),
    jetstream: { bus, stream: 'mom4c-commands', replicas: 1 },
    clock: member.clock,
    log,
  });
  onStop('journal', () => journal.close());

  const { name } = settings;
  const own = {
    name,
    role: 'cm',
    address: member.address,
    version: VERSION,
    since: Date.now() / 1000,
  } as const;
  const memory = new RosterMemory(join(settings.state, 'roster.json'), member);
  onStop('roster', () => memory.close());
  const roster = new Roster(member, own, memory);
  const leadership = new Leadership(member);
  const metrics = createMetrics(app.name);
  const refused = metrics.counter('refused_total', 'Messages that were refused, by error code.', ['code']);
  const refusals = createRefusals({ log, clock: systemClock, count: (code) => refused.add({ code }) });
  onStop('refusals', refusals.flush);
  metrics.gauge('executors_present', 'Task executors that are present.', () => roster.presentCount);
  const leftovers = await journal.unfinished();
  const doors = await openDoors(
    { member, journal, roster, leadership, policy: policyOf(settings.people) },
    {
      refusals,
      // Going on in the dark, or fighting for the address, would help nobody.
      onEnded: (error) => void app.fail(error),
      onStop,
    },
  );
  metrics.gauge('commands_pending', 'Commands that are under way.', () => doors.desk.pendingCount);
  doors.desk.finishLeftovers(leftovers);

  if (settings.health) {
    const checks = new Map([
      ['xmpp', () => ({ ok: doors.service.online })],
      ['room', () => ({ ok: doors.room.joined })],
      ['bus', () => ({ ok: bus.connected })],
    ]);
    const health = await startHealthServer({ ...settings.health, checks, metrics, log });
    onStop('health', () => health.stop());
  }
  app.notifyReady({ node: name, jid: member.address });
}
