/**
 * ejabberd and Prosody as an operator runs them who has never heard of mom4c: accounts with passwords, rosters, rooms for
 * everybody, and federation by their own server-to-server modules. No gateway, no module of ours.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts, releasePorts, startXmppServer, xmppLog } from '@mom4c/lab';
import type { TlsFiles, XmppServerKind } from '@mom4c/lab';
import { startNameServer } from './name-server.ts';

/**
 * What the server's operator demands of other servers.
 * - `open`: no TLS at all, dialback
 * - `dialback`: TLS where it is offered, any certificate, dialback
 * - `certificate`: TLS and a certificate that is valid for the domain (SASL EXTERNAL), nothing less
 */
export type StockSecurity = 'open' | 'dialback' | 'certificate';

export type StockServerOptions = {
  readonly folder: string;
  readonly domain: string;
  /** For clients and servers alike. */
  readonly tls: TlsFiles;
  readonly security: StockSecurity;
  /** Port of the name server that it asks. */
  readonly dns: number;
  readonly s2s: { readonly starttls: number; readonly direct: number };
  /** Names; each one's password is in the file `passwordFile` of the answer. */
  readonly accounts: readonly string[];
  /** External components (XEP-0114) that may connect: one secret for all. */
  readonly components?: { readonly hosts: readonly string[]; readonly port: number; readonly secret: string };
};

export type StockServer = {
  readonly kind: XmppServerKind;
  readonly domain: string;
  /** Of clients, direct TLS. */
  readonly port: number;
  readonly s2s: { readonly starttls: number; readonly direct: number };
  readonly passwordFile: string;
  readonly logFile: string;
  stop(): Promise<void>;
};

export async function startStockServer(
  kind: XmppServerKind,
  options: StockServerOptions,
): Promise<StockServer> {
  const { folder, domain, tls, s2s, accounts } = options;
  mkdirSync(folder, { recursive: true });
  const server = join(folder, kind);
  const passwordFile = secretFile(folder, 'password', randomBytes(12).toString('hex'));
  const inetrc = join(folder, 'inetrc');
  // Without the first line it reads the machine's name servers again and again.
  const own = `{resolv_conf, ""}.\n{nameserver, {127,0,0,1}, ${options.dns}}.\n{lookup, [dns]}.\n`;
  writeFileSync(inetrc, own, { mode: 0o644 });
  const running = await startXmppServer(kind, {
    folder: server,
    domain,
    tls,
    managers: [],
    // The lab's starter makes the accounts of this host at the start; the component is not in our configuration.
    people: {
      host: domain,
      accounts: accounts.map((name) => ({ name, passwordFile })),
      component: { domain: `unused.${domain}`, port: 1, secretFile: passwordFile },
    },
    env: { ERL_INETRC: inetrc },
    adjust: (lab) => CONFIGURATIONS[kind]({ ...options, folder: server, port: portOf(lab) }),
  });
  return {
    kind,
    domain,
    port: running.port,
    s2s,
    passwordFile,
    logFile: xmppLog(kind, server),
    stop: () => running.stop(),
  };
}

/** A name server for all, and two ports for each domain, as its records say. */
export async function startNames(
  folder: string,
  domains: readonly string[],
  /** Of these one port takes both. */
  both: readonly string[] = [],
): Promise<{
  readonly dns: number;
  readonly ports: Readonly<Record<string, { readonly starttls: number; readonly direct: number }>>;
  stop(): Promise<void>;
}> {
  const free = await freePorts(2 * domains.length);
  const ports = Object.fromEntries(
    domains.map((domain, at) => {
      const [starttls, other] = [free[2 * at]!, free[2 * at + 1]!];
      return [domain, { starttls, direct: both.includes(domain) ? starttls : other }];
    }),
  );
  const records = domains.flatMap((domain) =>
    [domain, `conference.${domain}`].map((host) => ({ domain: host, ...ports[domain]! })),
  );
  const server = await startNameServer(folder, records);
  const stop = async (): Promise<void> => {
    await server.stop();
    releasePorts(free);
  };
  return { dns: server.port, ports, stop };
}

type Filled = StockServerOptions & { readonly port: number };

const CONFIGURATIONS: Record<XmppServerKind, (options: Filled) => string> = {
  ejabberd: ejabberdConfiguration,
  prosody: prosodyConfiguration,
};

/** In YAML, of which JSON is a part. */
function ejabberdConfiguration(options: Filled): string {
  const { domain, folder, port, s2s, security, components } = options;
  const at = (file: string): string => join(folder, 'tls', file);
  const s2sListener = { ip: '127.0.0.1', module: 'ejabberd_s2s_in', max_stanza_size: 524_288 };
  return JSON.stringify({
    hosts: [domain],
    loglevel: 'info',
    log_rotate_count: 0,
    certfiles: [at('cert.pem'), at('key.pem')],
    ca_file: at('ca.pem'),
    s2s_cafile: at('ca.pem'),
    s2s_use_starttls: { open: 'false', dialback: 'optional', certificate: 'required' }[security],
    s2s_access: 'all',
    // How long it bounces at most after a failure before it tries again, in seconds.
    s2s_max_retry_delay: 1,
    listen: [
      { port, ip: '127.0.0.1', module: 'ejabberd_c2s', tls: true },
      { port: s2s.starttls, ...s2sListener },
      ...(security === 'open' ? [] : [{ port: s2s.direct, ...s2sListener, tls: true }]),
      ...(components
        ? [
            {
              port: components.port,
              ip: '127.0.0.1',
              module: 'ejabberd_service',
              global_routes: true,
              check_from: true,
              access: 'all',
              hosts: Object.fromEntries(
                components.hosts.map((host) => [host, { password: components.secret }]),
              ),
            },
          ]
        : []),
    ],
    auth_method: ['internal'],
    auth_password_format: 'scram',
    auth_scram_hash: 'sha256',
    registration_timeout: 'infinity',
    modules: {
      mod_caps: {},
      mod_disco: {},
      mod_ping: {},
      mod_roster: {},
      mod_muc: { hosts: [`conference.${domain}`], access_create: 'all', history_size: 0 },
      ...(security === 'certificate' ? {} : { mod_s2s_dialback: {} }),
    },
  });
}

function prosodyConfiguration(options: Filled): string {
  const { domain, folder, port, s2s, security, components, dns } = options;
  const direct = security === 'open' ? '' : String(s2s.direct);
  return `
plugin_paths = { "${folder}/modules" }
data_path = "${folder}/database"
run_as_root = ${process.getuid?.() === 0}
log = {
	{ levels = { min = "info" }, to = "file", filename = "${folder}/prosody.log" };
}
interfaces = { "127.0.0.1" }
c2s_direct_tls_ports = { ${port} }
c2s_ports = {}
s2s_ports = { ${s2s.starttls} }
s2s_direct_tls_ports = { ${direct} }
component_ports = { ${components?.port ?? ''} }
http_ports = {}
https_ports = {}
ssl = {
	certificate = "${folder}/tls/cert.pem";
	key = "${folder}/tls/key.pem";
	cafile = "${folder}/tls/ca.pem";
	capath = false;
}
certificates = "${folder}/tls"
network_settings = { nagle = false }
unbound = { resolvconf = false; forward = "127.0.0.1@${dns}"; options = { ["do-not-query-localhost:"] = "no"; ["local-zone:"] = "test. transparent" } }
s2s_secure_auth = ${security === 'certificate'}
s2s_require_encryption = ${security === 'certificate'}
s2s_allow_encryption = ${security !== 'open'}
modules_enabled = { "disco"; "ping"; "posix"; "roster"; "saslauth"; "tls"; ${security === 'certificate' ? '' : '"dialback";'} }
VirtualHost "${domain}"
	authentication = "internal_hashed"
	-- Makes the accounts; the one module of ours here.
	modules_enabled = { "accounts_from_file" }
	accounts_file = "${folder}/accounts"
Component "conference.${domain}" "muc"
${(components?.hosts ?? []).map((host) => `Component "${host}"\n\tcomponent_secret = "${components!.secret}"\n\tmodules_disabled = { "s2s" }\n`).join('')}`;
}

/** The lab's templates name the port of the listener for clients. */
function portOf(configuration: string): number {
  const found = /^ {2}- port: (\d+)|^c2s_direct_tls_ports = \{ (\d+) \}/m.exec(configuration);
  return Number(found?.[1] ?? found?.[2]);
}

function secretFile(folder: string, name: string, secret: string): string {
  const file = join(folder, name);
  writeFileSync(file, `${secret}\n`, { mode: 0o600 });
  return file;
}
