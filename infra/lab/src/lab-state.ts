/** What a lab has made and started, in the one file that also marks the folder as a lab's. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Mom4cError, isDomain, isNodeName } from '@mom4c/core';
import { LEVELS } from './level.ts';
import { MACHINES } from './machines.ts';
import * as z from 'zod';
import { ACCOUNT_ROLES } from './people.ts';
import { XMPP_SERVERS } from './xmpp-server.ts';
import type { Setting, Settings } from './yaml.ts';

const FILE = 'lab.json';
const MAX_STATE = 1_000_000;

// Strict, since `down` ends the processes and deletes the folders that it names.
const port = z.int().min(1024).max(65_535);
const identity = { pid: z.int().min(2), startTime: z.int().min(0), boot: z.string() };
/** As a configuration has them; the program itself looks at them. */
const settings: z.ZodType<Settings> = z.lazy(() => z.record(z.string(), setting));
const setting: z.ZodType<Setting> = z.lazy(() =>
  z.union([z.string(), z.number(), z.array(setting), settings]),
);
const hosts = z.array(z.string().refine(isDomain));
const gateway = z.strictObject({
  /** Where it connects to its own XMPP server. */
  componentPort: port,
  /** Where partners' gateways connect. */
  s2sPort: port,
  /** Of its authentication agent. */
  agentPort: port,
  partners: z.array(
    z.strictObject({
      domain: z.string().refine(isDomain),
      level: z.enum(LEVELS),
      hosts,
      /** What else the gateway's configuration says of it. */
      settings,
    }),
  ),
  /** Settings in place of ours, by their first name. */
  changes: settings,
});
const process = z.strictObject({ ...identity, name: z.string(), logFile: z.string() });
const component = z.strictObject({
  name: z.string().refine(isNodeName),
  kind: z.enum(['server', 'authority', 'cm', 'te', 'adapter', 'gateway', 'idp']),
  /** Where it listens on 127.0.0.1: for nodes the health endpoint. */
  port,
  /** The one that it is on; absent: it is beside us. */
  machine: z.literal(MACHINES).optional(),
  /** Absent: it was stopped on purpose, or not started yet. */
  process: process.optional(),
});
const domain = z.strictObject({
  name: z.string().refine(isDomain),
  xmpp: z.enum(XMPP_SERVERS).default(XMPP_SERVERS[0]),
  /** Of the authority's certificate: SHA-256, as the authority prints it. */
  fingerprint: z.string(),
  /** Names of cluster managers, present and possible ones. */
  managers: z.array(z.string().refine(isNodeName)),
  /** Of the certificate authority: issuing of tokens. */
  adminPort: port,
  /** Roots of the trees from which the sensor agents read. */
  sensors: z.strictObject({ sysfs: z.string(), procfs: z.string() }),
  /** Executors that may become managers: their names, and those of the managers. */
  eligible: z.record(z.string().refine(isNodeName), z.string().refine(isNodeName)).default({}),
  /** With stock clients; absent: nobody. */
  people: z
    .strictObject({
      accounts: z.record(z.string().refine(isNodeName), z.enum(ACCOUNT_ROLES)),
      componentPort: port,
    })
    .optional(),
  /** Of the federation gateway; absent: there is none. */
  gateway: gateway.optional(),
  /** In the log of the XMPP server. */
  showStanzas: z.boolean().default(false),
  /** By role or name of nodes, what their configuration says beside ours. */
  nodeSettings: z.record(z.string().refine(isNodeName), settings).default({}),
  /** Of managers and NATS servers; absent: there are none. */
  machines: z
    .strictObject({ id: z.string().regex(/^[0-9a-f]{8}$/), network: z.int().min(0).max(255) })
    .optional(),
  components: z.array(component),
});
const lab = z.strictObject({
  format: z.literal(1),
  /** Who has started it, or is still about to. */
  owner: z.strictObject(identity),
  domains: z.array(domain),
  /** Its identity provider; absent: there is none. */
  idp: component.optional(),
});

export type ComponentState = z.infer<typeof component>;
export type GatewayState = z.infer<typeof gateway>;
export type DomainState = z.infer<typeof domain>;
export type LabState = z.infer<typeof lab>;

/** @throws Mom4cError M4C_LAB if there is a lab already, running or not */
export function createState(folder: string, state: LabState): void {
  try {
    writeFileSync(join(folder, FILE), print(state), { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    throw new Mom4cError('M4C_LAB', `somebody else starts a lab in ${folder}`, { cause });
  }
}

export function writeState(folder: string, state: LabState): void {
  const file = join(folder, FILE);
  writeFileSync(`${file}.new`, print(state), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** @returns undefined if there is no lab. @throws Mom4cError M4C_LAB if the file is not one that we wrote */
export function readState(folder: string): LabState | undefined {
  const file = join(folder, FILE);
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  try {
    if (text.length > MAX_STATE) throw new Error('too long');
    return lab.parse(JSON.parse(text));
  } catch (cause) {
    throw new Mom4cError('M4C_LAB', `${file} is not the state of a lab`, { cause });
  }
}

export const stateFiles: readonly string[] = [FILE, `${FILE}.new`];

function print(state: LabState): string {
  return `${JSON.stringify(state, null, 2)}\n`;
}
