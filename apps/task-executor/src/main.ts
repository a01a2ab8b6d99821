/** The task executor: a small supervisor on a device, which obeys the cluster manager and reads sensors by its agent. */
import { join } from 'node:path';
import { systemClock, systemRandom } from '@mom4c/core';
import { NS_ENCRYPTED, createRefusals, identityFindings, startMember } from '@mom4c/member';
import {
  answersCheck,
  configFile,
  createMetrics,
  loadConfig,
  runApp,
  startHealthServer,
} from '@mom4c/runtime';
import type { App } from '@mom4c/runtime';
import { startAgents } from './agents.ts';
import { Executor } from './executor.ts';
import { Membership } from './membership.ts';
import { taskExecutorSettings } from './settings.ts';

if (!answersCheck(taskExecutorSettings, process.argv.slice(2), identityFindings))
  await runApp({ name: 'task-executor', start });

async function start(app: App): Promise<void> {
  const settings = loadConfig(taskExecutorSettings, {
    file: configFile(process.argv.slice(2)),
    env: process.env,
  });
  app.log.setLevel(settings.log.level);
  const log = app.log.child({ node: settings.name });
  const around = { clock: systemClock, random: systemRandom, log, signal: app.signal };

  const member = await startMember(settings, 'te', around, app.onStop.bind(app));
  const agents = await startAgents({
    node: settings.name,
    folder: join(settings.state, 'bus'),
    ...settings.sensors,
    log,
  });
  app.onStop('agents', () => agents.stop());

  const metrics = createMetrics(app.name);
  const refused = metrics.counter('refused_total', 'Messages that were refused, by error code.', ['code']);
  const refusals = createRefusals({ log, clock: systemClock, count: (code) => refused.add({ code }) });
  app.onStop('refusals', refusals.flush);
  const seconds = metrics.histogram('command_seconds', 'How long commands ran.', ['command']);
  const session = member.session('agent');
  app.onStop('session', () => session.stop());
  const membership = new Membership(member, session, refusals, settings.labels, (message) =>
    executor.roomMessage(message),
  );
  app.onStop('membership', () => membership.leave());
  const executor = new Executor({
    member,
    session,
    membership,
    sensors: agents.sensors,
    refusals,
    onRan: (command, took) => seconds.observe(took, { command }),
  });
  session.onRequest({ name: 'x', xmlns: NS_ENCRYPTED }, (request) => executor.request(request));
  session.onMessage((message) => executor.message(message));
  session.onUnseen(({ error, from }) => refusals.note(error, from));
  session.on('conflict', ({ error }) => app.fail(error));
  session.on('fatal', ({ error }) => app.fail(error));
  await session.start(app.signal);

  if (settings.health) {
    const checks = new Map([
      ['xmpp', () => ({ ok: session.online })],
      ['cluster', () => ({ ok: membership.isMember })],
    ]);
    const health = await startHealthServer({ ...settings.health, checks, metrics, log });
    app.onStop('health', () => health.stop());
  }
  await membership.joined;
  app.notifyReady({ node: settings.name, jid: member.address });
}
