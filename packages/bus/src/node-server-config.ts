/** The configuration of a node's own nats-server. */

/** What one client of the bus may do; its name is the DNS name in its certificate. */
export type BusUser = {
  readonly name: string;
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** May it answer each request once, at the address that the request names? */
  readonly respond: boolean;
};

export const MAX_PAYLOAD_BYTES = 256 * 1024;
const MAX_CONNECTIONS = 64;

/** An agent serves its own subjects and what the services API asks it; it can call nobody. */
export function agentUser(name: string): BusUser {
  const verbs = ['PING', 'INFO', 'STATS'];
  const control = verbs.flatMap((verb) => [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.*`]);
  return { name, publish: [], subscribe: [`agent.${name}.*`, ...control], respond: true };
}

/** The supervisor calls agents, and serves nothing. */
export function callerUser(name: string): BusUser {
  return { name, publish: ['agent.*.*', '$SRV.>'], subscribe: ['_INBOX.>'], respond: false };
}

/**
 * Loopback only, TLS with a client certificate, and a user for every name that may connect at all.
 * @param port -1 takes a free one, which the server writes into `folder`
 */
export function nodeServerConfig(options: {
  name: string;
  folder: string;
  port: number;
  files: { ca: string; cert: string; key: string };
  users: readonly BusUser[];
}): string {
  const { files } = options;
  const config = {
    server_name: options.name,
    listen: `127.0.0.1:${options.port}`,
    ports_file_dir: options.folder,
    max_payload: MAX_PAYLOAD_BYTES,
    max_connections: MAX_CONNECTIONS,
    max_subscriptions: 1000,
    write_deadline: '5s',
    tls: { cert_file: files.cert, key_file: files.key, ca_file: files.ca, verify_and_map: true, timeout: 5 },
    authorization: { timeout: 5, users: options.users.map(userEntry) },
  };
  // Its configuration language takes JSON.
  return JSON.stringify(config, null, 1);
}

function userEntry(user: BusUser): object {
  return {
    user: user.name,
    permissions: {
      publish: list(user.publish),
      subscribe: list(user.subscribe),
      ...(user.respond ? { allow_responses: { max: 1, expires: '1m' } } : {}),
    },
  };
}

/** An empty `allow` would mean everything. */
function list(subjects: readonly string[]): object {
  return subjects.length === 0 ? { deny: ['>'] } : { allow: subjects };
}
