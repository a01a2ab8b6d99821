import { existsSync, globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import type { Random } from '@mom4c/core';
import { until } from './keeper.ts';
import { freePort } from './ports.ts';
import { acceptsTcp, answersXmpp } from './readiness.ts';
import { findProgram, packageMissing, prepareServerFolder } from './server-folder.ts';
import type { ServerFolder } from './server-folder.ts';
import { startServer } from './server.ts';
import type { RunningServer } from './server.ts';
import { fillTemplate } from './template.ts';
import { hasPartners, leaveAccounts, partnerLines, peopleValues, placeValues } from './xmpp-server.ts';
import type { GatewayLink, XmppServerOptions } from './xmpp-server.ts';

/** Put into the folder of a running server, it makes that read its configuration again, and is gone then. */
const RELOAD = 'reload';
/** What becomes of that if the configuration is not accepted; the log has the reason. */
const REFUSED = 'reload-refused';
const RELOAD_LIMIT_MS = 20_000;
const RELOAD_POLL_MS = 100;

/** See `startXmppServer`. @throws Mom4cError M4C_PACKAGE_MISSING, M4C_LAB */
export async function startEjabberd(options: XmppServerOptions, random: Random): Promise<RunningServer> {
  const { domain, people } = options;
  const erl = findProgram('erl', 'ejabberd');
  const libraries = findLibraries();

  const folder = prepareServerFolder(options.folder, options.tls, 'ejabberd');
  const database = folder.folder('database');
  const port = options.port ?? (await freePort());
  const config = writeConfig(folder, options, port);
  // Two ejabberds with one cookie lose results that go through rooms. As a file, since arguments are public.
  if (!existsSync(join(folder.path, '.erlang.cookie')))
    folder.write('.erlang.cookie', Buffer.from(random.bytes(24)).toString('hex'), 0o400);

  const accounts =
    people &&
    leaveAccounts(
      folder,
      people,
      (name, password) => `{<<"${name}">>, <<"${people.host}">>, <<"${password}">>}.`,
    );
  return startServer(
    'ejabberd',
    port,
    {
      command: erl,
      args: [
        ...erlangArguments(database, options.showStanzas ?? false),
        ...makingAccounts(accounts),
        ...reloadingOnDemand(folder.path),
      ],
      folder: folder.path,
      env: {
        PATH: '/usr/bin:/bin',
        HOME: folder.path,
        ERL_LIBS: libraries,
        ERL_CRASH_DUMP_SECONDS: '0',
        EJABBERD_CONFIG_PATH: config,
        EJABBERD_LOG_PATH: join(folder.path, 'ejabberd.log'),
        // None: a new server reads those of thirty languages for half a second, and a lab speaks English.
        EJABBERD_MSGS_PATH: folder.folder('translations'),
        ...options.env,
      },
      logFile: join(folder.path, 'output.log'),
      user: folder.user,
      onStart: options.onStart,
    },
    async () =>
      !(accounts && existsSync(accounts)) && answersXmpp(port, options.tls.ca, domain, options.host),
  );
}

/**
 * What `ejabberdctl reload_config` does, which needs a distributed node. ejabberd opens the listener anew, and sometimes
 * before it has closed the old one ("address already in use" in its log): then it has to be told once more.
 * @throws Mom4cError M4C_LAB
 */
export async function reloadEjabberd(options: XmppServerOptions & { port: number }): Promise<void> {
  const folder = prepareServerFolder(options.folder, options.tls, 'ejabberd');
  writeConfig(folder, options, options.port);
  const { gateway } = options;
  const failure = new Mom4cError(
    'M4C_LAB',
    `ejabberd does not take its new configuration, see ${folder.path}`,
  );
  const reloaded = async (): Promise<boolean> => {
    const mark = folder.write(RELOAD, '');
    const done = await until(() => !existsSync(mark), RELOAD_LIMIT_MS);
    if (!done || existsSync(join(folder.path, REFUSED))) throw failure;
    return !hasPartners(gateway) || acceptsTcp(gateway.port);
  };
  if (!(await until(reloaded, RELOAD_LIMIT_MS))) throw failure;
}

function writeConfig(folder: ServerFolder, options: XmppServerOptions, port: number): string {
  const { domain, managers, people, gateway, adjust = (config) => config } = options;
  const values = {
    DOMAIN: domain,
    FOLDER: folder.path,
    ...placeValues(options),
    PORT: port,
    LOG_LEVEL: options.showStanzas ? 'debug' : 'info',
    PEOPLE_HOSTS: { text: people ? `  - ${JSON.stringify(people.host)}\n` : '' },
    PEOPLE_LISTENER: {
      text: people ? fillTemplate('ejabberd-people-listener.yml', peopleValues(people)) : '',
    },
    FEDERATION_LISTENER: { text: hasPartners(gateway) ? federationListener(gateway) : '' },
    PEOPLE: { text: people ? `\n${fillTemplate('ejabberd-people.yml', peopleValues(people))}` : '' },
    MANAGERS: { text: JSON.stringify(managers.map((name) => ({ [name]: domain }))) },
  };
  return folder.write('ejabberd.yml', adjust(fillTemplate('ejabberd.yml', values)));
}

function federationListener(gateway: GatewayLink): string {
  const host = (name: string, secret: string) => `      "${name}":\n        password: "${secret}"`;
  return fillTemplate('ejabberd-federation-listener.yml', {
    GATEWAY_PORT: gateway.port,
    PARTNER_HOSTS: { text: partnerLines(gateway, host) },
  });
}

/** Not a distributed Erlang node: no epmd, which would listen on all addresses, and no distribution port. */
function erlangArguments(database: string, showStanzas: boolean): string[] {
  return [
    '-noinput',
    // Idle schedulers sleep at once; they would take a small machine's time from the other servers.
    ...['+sbwt', 'none', '+sbwtdcpu', 'none', '+sbwtdio', 'none'],
    // Its tables of processes and ports, which it otherwise sizes by the limit on open files.
    ...['+P', '262144', '+Q', '65536'],
    ...['-mnesia', 'dir', JSON.stringify(database)],
    // Its log drops what is above 500 lines a second: seen, a third of the stanzas. As an argument, since ejabberd reads
    // its configuration only after the log is set up.
    ...(showStanzas ? ['-ejabberd', 'log_burst_limit_count', '1000000'] : []),
    ...['-s', 'ejabberd'],
  ];
}

/** After the start of ejabberd. What is wrong in it ends the server. @param file undefined: there are none */
function makingAccounts(file: string | undefined): string[] {
  if (file === undefined) return [];
  const path = JSON.stringify(file);
  const make = 'case ejabberd_auth:try_register(U, S, P) of ok -> ok; {error, exists} -> ok end';
  return [
    '-eval',
    `{ok, All} = file:consult(${path}), [${make} || {U, S, P} <- All], ok = file:delete(${path}).`,
  ];
}

/** Nobody can call a node that is not distributed, and it gets no signal. */
function reloadingOnDemand(folder: string): string[] {
  const [mark, refused] = [RELOAD, REFUSED].map((name) => JSON.stringify(join(folder, name)));
  const reload = `case ejabberd_config:reload() of ok -> ok; _ -> file:write_file(${refused}, "") end, file:delete(${mark})`;
  const look = `case file:read_file_info(${mark}) of {ok, _} -> ${reload}; _ -> ok end, timer:sleep(${RELOAD_POLL_MS})`;
  return ['-eval', `spawn(fun() -> (fun Again() -> ${look}, Again() end)() end).`];
}

/** Debian keeps ejabberd among the libraries of the architecture. */
function findLibraries(): string {
  const [found] = globSync([
    '/usr/lib/*-linux-gnu/ejabberd-*/ebin/ejabberd.app',
    '/usr/lib/ejabberd-*/ebin/ejabberd.app',
  ]);
  if (found === undefined) throw packageMissing('ejabberd', 'ejabberd');
  return dirname(dirname(dirname(found)));
}
