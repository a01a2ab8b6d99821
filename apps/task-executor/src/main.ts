/** The task executor: a small supervisor on a device, which obeys the cluster manager and reads sensors by its agent. */
import { join } from 'node:path';
import { NS_ENCRYPTED, runMember } from '@mom4c/member';
import type { Running, Started } from '@mom4c/member';
import { startAgents } from './agents.ts';
import { ExecutionRecord } from './execution-record.ts';
import { Executor } from './executor.ts';
import { ManagerRole, noManager } from './manager-role.ts';
import { Membership } from './membership.ts';
import { taskExecutorMetrics, watchAgents, watchManagerRole } from './metrics.ts';
import { openRecordFile } from './record-file.ts';
import { watchLeader } from './safe-state.ts';
import { taskExecutorSettings } from './settings.ts';
import type { TaskExecutorSettings } from './settings.ts';

await runMember({ name: 'task-executor', role: 'te', schema: taskExecutorSettings, start });

async function start(running: Running<TaskExecutorSettings>): Promise<Started> {
  const { app, settings, log, member, metrics, refusals, onStop } = running;
  const file = openRecordFile(join(settings.state, 'record.sqlite'));
  onStop('record', () => file.close());
  const record = new ExecutionRecord(file, member.clock, (thrown, id) => {
    const { code, detail } = member.errorOf(thrown, { id });
    log.error({ id, code, detail }, 'an answer was not written; after a restart it is not known');
  });
  const agents = await startAgents({
    node: settings.name,
    folder: join(settings.state, 'bus'),
    ...settings.sensors,
    actuators: settings.actuators,
    log,
  });
  onStop('agents', () => agents.stop());
  watchAgents(metrics, agents);

  const manager =
    settings.manager && ManagerRole.open(settings, settings.manager, log, () => membership.amend());
  if (manager) {
    onStop('manager', () => manager.stop());
    watchManagerRole(metrics, manager);
  }

  const seconds = metrics.histogram(taskExecutorMetrics.seconds);
  const session = member.session('agent');
  onStop('session', () => session.stop());
  const membership = new Membership(
    member,
    session,
    refusals,
    record,
    settings.labels,
    () => manager?.announced(),
    (message) => executor.roomMessage(message),
  );
  onStop('membership', () => membership.leave());
  const executor = new Executor({
    member,
    session,
    membership,
    record,
    sensorsFor: agents.sensorsFor,
    actuatorsFor: agents.actuatorsFor,
    manager: manager ?? noManager,
    refusals,
    onRan: (command, took) => seconds.observe(took, { command }),
  });
  metrics.watch(taskExecutorMetrics.running, () => executor.running);
  metrics.watch(taskExecutorMetrics.member, () => Number(membership.isMember));
  session.onRequest({ name: 'x', xmlns: NS_ENCRYPTED }, (request) => executor.request(request));
  session.onMessage((message) => executor.message(message));
  session.onUnseen(({ error, from }) => refusals.note(error, from));
  session.on('conflict', ({ error }) => app.fail(error));
  session.on('fatal', ({ error }) => app.fail(error));
  const { makeSafe } = agents;
  if (makeSafe)
    watchLeader({
      isLed: () => membership.isLed,
      after: settings.safeAfter * 1000,
      makeSafe() {
        log.warn({ after: settings.safeAfter }, 'no manager leads: actuators get their safe values');
        makeSafe().catch((thrown: unknown) => {
          const { code, detail } = member.errorOf(thrown);
          log.error({ code, detail }, 'actuators did not get their safe values');
        });
      },
      clock: member.clock,
      signal: app.signal,
    });
  await manager?.resume();
  await session.start(app.signal);
  return {
    checks: new Map([
      ['xmpp', () => ({ ok: session.online })],
      ['cluster', () => ({ ok: membership.isMember })],
    ]),
    ready: membership.joined,
  };
}
