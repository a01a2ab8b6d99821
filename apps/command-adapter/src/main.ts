/** The adapter for stock XMPP clients: ad-hoc commands (XEP-0050) in, signed and sealed requests out. */
import { COMMANDS } from '@mom4c/commands';
import { Requester, runMember } from '@mom4c/member';
import type { Running, Started } from '@mom4c/member';
import { readSecret } from '@mom4c/runtime';
import { createComponent, serveAdHoc } from '@mom4c/xmpp';
import { formOf } from './command-form.ts';
import { deskOf } from './desk.ts';
import { frontDesk } from './front-desk.ts';
import { commandAdapterMetrics } from './metrics.ts';
import { Rights } from './rights.ts';
import { commandAdapterSettings } from './settings.ts';
import type { CommandAdapterSettings } from './settings.ts';

await runMember({ name: 'command-adapter', role: 'adapter', schema: commandAdapterSettings, start });

async function start(running: Running<CommandAdapterSettings>): Promise<Started> {
  const { app, settings, log, member, metrics, refusals, onStop } = running;
  // A command that no form can say is a bug, and shows now.
  for (const command of COMMANDS) formOf(command);
  const { domain, host, port, secretFile } = settings.component;
  const link = { domain, host, port, secret: readSecret(secretFile) };

  const session = member.session('commands');
  onStop('session', () => session.stop());
  await session.start(app.signal);
  session.on('conflict', ({ error }) => void app.fail(error));
  session.on('fatal', ({ error }) => void app.fail(error));
  const requester = new Requester(member, session);
  onStop('requests', () => requester.close());

  const component = createComponent({ ...link, ...member });
  metrics.watch(commandAdapterMetrics.online, () => Number(component.online));
  const rights = new Rights((person) => requester.permitted(person), member.clock);
  component.onUnseen(({ error, from }) => refusals.note(error, from));
  session.onUnseen(({ error, from }) => refusals.note(error, from));
  const guarded = frontDesk(component, settings.people, member.clock, refusals.note);
  serveAdHoc(guarded, deskOf(rights, requester, log), member);
  onStop('component', () => component.stop());
  await component.start(app.signal);
  component.onFatal((error) => void app.fail(error));
  return {
    checks: new Map([
      ['xmpp', () => ({ ok: session.online })],
      ['component', () => ({ ok: component.online })],
    ]),
    jid: domain,
  };
}
