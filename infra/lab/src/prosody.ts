import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import { signalProcess } from './keeper.ts';
import type { ProcessRecord } from './keeper.ts';
import { follow } from './log-reader.ts';
import { freePort } from './ports.ts';
import { answersXmpp } from './readiness.ts';
import { findProgram, prepareServerFolder } from './server-folder.ts';
import type { ServerFolder } from './server-folder.ts';
import { startServer } from './server.ts';
import type { RunningServer } from './server.ts';
import { fillTemplate } from './template.ts';
import {
  hasPartners,
  leaveAccounts,
  partnerLines,
  peopleValues,
  placeValues,
  xmppLog,
} from './xmpp-server.ts';
import type { GatewayLink, XmppServerOptions } from './xmpp-server.ts';

/** Ours, which any Prosody of a domain needs. Copied, since Prosody's user may not get at this checkout. */
const MODULES = [
  'mod_auth_certificate.lua',
  'mod_muc_broadcast_only.lua',
  'mod_components_on_reload.lua',
  'mod_accounts_from_file.lua',
] as const;
const MODULES_FOLDER = new URL('../../prosody/', import.meta.url);

/** See `startXmppServer`. @throws Mom4cError M4C_PACKAGE_MISSING, M4C_LAB */
export async function startProsody(options: XmppServerOptions): Promise<RunningServer> {
  const { domain, people } = options;
  const prosody = findProgram('prosody', 'prosody');
  const folder = prepareServerFolder(options.folder, options.tls, 'prosody');
  folder.folder('database');
  folder.folder('modules');
  for (const name of MODULES)
    folder.write(join('modules', name), readFileSync(new URL(name, MODULES_FOLDER)));
  const port = options.port ?? (await freePort());
  const config = writeConfig(folder, options, port);

  const accounts = people && leaveAccounts(folder, people, (name, password) => `${name} ${password}`);
  return startServer(
    'prosody',
    port,
    {
      command: prosody,
      args: ['--no-daemonize', '--config', config],
      folder: folder.path,
      env: { PATH: '/usr/bin:/bin', HOME: folder.path, ...options.env },
      logFile: join(folder.path, 'output.log'),
      user: folder.user,
      onStart: options.onStart,
    },
    async () =>
      !(accounts && existsSync(accounts)) && answersXmpp(port, options.tls.ca, domain, options.host),
  );
}

/** As `prosodyctl reload`. @throws Mom4cError M4C_LAB */
export async function reloadProsody(
  options: XmppServerOptions & { port: number },
  server: ProcessRecord,
): Promise<void> {
  const folder = prepareServerFolder(options.folder, options.tls, 'prosody');
  writeConfig(folder, options, options.port);
  const log = follow(xmppLog('prosody', folder.path));
  if (!signalProcess(server, 'SIGHUP')) throw new Mom4cError('M4C_LAB', 'prosody does not run');
  // Of mod_components_on_reload.
  await log.take(/External components are as configured/);
}

function writeConfig(folder: ServerFolder, options: XmppServerOptions, port: number): string {
  const { domain, managers, people, gateway, showStanzas = false, adjust = (config) => config } = options;
  const componentPorts = [people?.component.port, gateway?.port].filter((one) => one !== undefined);
  const values = {
    DOMAIN: domain,
    FOLDER: folder.path,
    ...placeValues(options),
    PORT: port,
    LOG_LEVEL: showStanzas ? 'debug' : 'info',
    MORE_MODULES: { text: showStanzas ? '"stanza_debug";' : '' },
    // Else it would refuse to start where no user of its own can get to its folder.
    RUN_AS_ROOT: String(process.getuid?.() === 0 && folder.user === undefined),
    COMPONENT_PORTS: { text: componentPorts.join(', ') },
    PEOPLE: {
      text: people
        ? fillTemplate('prosody-people.cfg.lua', { FOLDER: folder.path, ...peopleValues(people) })
        : '',
    },
    FEDERATION: { text: hasPartners(gateway) ? `\n${partnerComponents(gateway)}` : '' },
    MANAGERS: { text: `{ ${managers.map((name) => JSON.stringify(`${name}@${domain}`)).join(', ')} }` },
  };
  return folder.write('prosody.cfg.lua', adjust(fillTemplate('prosody.cfg.lua', values)));
}

function partnerComponents(gateway: GatewayLink): string {
  const component = (host: string, secret: string) =>
    `Component "${host}"\n\tcomponent_secret = "${secret}"\n\tcomponent_conflict_resolve = "kick_old"`;
  return fillTemplate('prosody-federation.cfg.lua', {
    PARTNER_COMPONENTS: { text: partnerLines(gateway, component) },
  });
}
