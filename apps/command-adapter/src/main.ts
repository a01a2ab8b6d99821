/** The adapter for stock XMPP clients: ad-hoc commands (XEP-0050) in, signed and sealed requests out. */
import { COMMANDS } from '@mom4c/commands';
import { systemClock, systemRandom } from '@mom4c/core';
import { Requester, createRefusals, identityFindings, startMember } from '@mom4c/member';
import {
  answersCheck,
  configFile,
  createMetrics,
  loadConfig,
  readSecret,
  runApp,
  startHealthServer,
} from '@mom4c/runtime';
import type { App } from '@mom4c/runtime';
import { createComponent, serveAdHoc } from '@mom4c/xmpp';
import { formOf } from './command-form.ts';
import { deskOf } from './desk.ts';
import { frontDesk } from './front-desk.ts';
import { Rights } from './rights.ts';
import { commandAdapterSettings } from './settings.ts';

if (!answersCheck(commandAdapterSettings, process.argv.slice(2), identityFindings))
  await runApp({ name: 'command-adapter', start });

async function start(app: App): Promise<void> {
  const settings = loadConfig(commandAdapterSettings, {
    file: configFile(process.argv.slice(2)),
    env: process.env,
  });
  app.log.setLevel(settings.log.level);
  const log = app.log.child({ node: settings.name });
  const around = { clock: systemClock, random: systemRandom, log, signal: app.signal };
  // A command that no form can say is a bug, and shows now.
  for (const command of COMMANDS) formOf(command);
  const { domain, host, port, secretFile } = settings.component;
  const link = { domain, host, port, secret: readSecret(secretFile) };

  const onStop = app.onStop.bind(app);
  const member = await startMember(settings, 'adapter', around, onStop);
  const session = member.session('commands');
  onStop('session', () => session.stop());
  await session.start(app.signal);
  session.on('conflict', ({ error }) => void app.fail(error));
  session.on('fatal', ({ error }) => void app.fail(error));
  const requester = new Requester(member, session);
  onStop('requests', () => requester.close());

  const metrics = createMetrics(app.name);
  const refused = metrics.counter('refused_total', 'Requests that were refused or failed, by error code.', [
    'code',
  ]);
  const component = createComponent({ ...link, ...around });
  const rights = new Rights((person) => requester.permitted(person), member.clock);
  const refusals = createRefusals({ log, clock: member.clock, count: (code) => refused.add({ code }) });
  onStop('refusals', refusals.flush);
  component.onUnseen(({ error, from }) => refusals.note(error, from));
  session.onUnseen(({ error, from }) => refusals.note(error, from));
  const guarded = frontDesk(component, settings.people, member.clock, refusals.note);
  serveAdHoc(guarded, deskOf(rights, requester, log), member);
  onStop('component', () => component.stop());
  await component.start(app.signal);
  component.onFatal((error) => void app.fail(error));

  if (settings.health) {
    const checks = new Map([
      ['xmpp', () => ({ ok: session.online })],
      ['component', () => ({ ok: component.online })],
    ]);
    const health = await startHealthServer({ ...settings.health, checks, metrics, log });
    onStop('health', () => health.stop());
  }
  app.notifyReady({ node: settings.name, jid: domain });
}
