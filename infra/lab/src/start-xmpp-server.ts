import { Mom4cError, isDomain, isNodeName, systemRandom } from '@mom4c/core';
import type { Random } from '@mom4c/core';
import { reloadEjabberd, startEjabberd } from './ejabberd.ts';
import type { ProcessRecord } from './keeper.ts';
import { reloadProsody, startProsody } from './prosody.ts';
import type { RunningServer } from './server.ts';
import type { XmppServerKind, XmppServerOptions } from './xmpp-server.ts';

const starters = { ejabberd: startEjabberd, prosody: startProsody };
const reloaders = { ejabberd: reloadEjabberd, prosody: reloadProsody };

/**
 * Direct TLS, log-in by certificate only, in-band registration, rooms at `conference.<domain>`.
 * @throws Mom4cError M4C_PACKAGE_MISSING, M4C_LAB
 */
export async function startXmppServer(
  kind: XmppServerKind,
  options: XmppServerOptions,
  random: Random = systemRandom,
): Promise<RunningServer> {
  if (!isDomain(options.domain))
    throw new Mom4cError('M4C_LAB', `not a domain: ${JSON.stringify(options.domain.slice(0, 80))}`);
  for (const name of options.managers)
    if (!isNodeName(name))
      throw new Mom4cError('M4C_LAB', `not a name: ${JSON.stringify(name.slice(0, 80))}`);
  return starters[kind](options, random);
}

/**
 * Makes a running server take changed options, as its operator would after a change of the configuration: of the
 * partners (`gateway`), that is. Nobody is cut off but a partner that is gone. @throws Mom4cError M4C_LAB
 */
export function reloadXmppServer(
  kind: XmppServerKind,
  options: XmppServerOptions & { port: number },
  server: ProcessRecord,
): Promise<void> {
  return reloaders[kind](options, server);
}
