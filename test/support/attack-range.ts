/** A domain to attack: a real lab with its logs, the identities of its nodes, and three sessions that are the test's. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Epoch, SessionKey } from '@mom4c/core';
import { startLab } from '@mom4c/lab';
import type { Lab, LabDomain, LabOptions, XmppServerKind } from '@mom4c/lab';
import { takeKey } from '@mom4c/messaging';
import type { PayloadOf } from '@mom4c/messaging';
import type { Keystore } from '@mom4c/pki';
import { joinRoom } from '@mom4c/xmpp';
import type { Room } from '@mom4c/xmpp';
import { ANY_SERVER } from './any-server.ts';
import { newId, openClient, sealTo, sign, silent, stealIdentity } from './hostile-client.ts';
import type { HostileClient } from './hostile-client.ts';
import { openNodeLog } from './node-log.ts';
import type { NodeLog } from './node-log.ts';
import { openServerLog } from './server-log.ts';
import type { ServerLog } from './server-log.ts';

export const DOMAIN = 'alpha.test';
export const SERVICE = `cm@${DOMAIN}`;
export const ACTIVE = `${SERVICE}/active`;
/** From which cm1 sends: it has it whether it leads or not. */
export const DESK = `${SERVICE}/cm1`;
export const ROOM = `cluster@conference.${DOMAIN}`;
export const ADMIN = `admin@${DOMAIN}`;
/** Task executor in the hands of an attacker: its program is stopped, its key is known. */
export const MALLORY = `te3@${DOMAIN}`;

/** A reading that stands nowhere else: what an eavesdropper would look for. */
export const SECRET = { sensor: 'zaphodchip', millidegrees: 42_424, reading: '42.424' };

/** Under which `owner` is in the room. */
export const OWNER_NICK = 'owner';

export type ExecutorName = 'te1' | 'te2';
export type NodeName = ExecutorName | 'cm1';

export type Range = {
  readonly domain: LabDomain;
  /** Of the lab: for `mom4c --state`. */
  readonly state: string;
  readonly identities: Readonly<Record<NodeName | 'admin' | 'te3', Keystore>>;
  readonly authority: Keystore;
  readonly logs: Readonly<Record<NodeName, NodeLog>>;
  /** With `showStanzas`. */
  readonly server: ServerLog;
  readonly admin: HostileClient;
  /** The service address of the managers, beside the real one: for what a thief of cm1's key could do, or the server. */
  readonly manager: HostileClient;
  /** cm1's own account, an owner of the room beside the real one. */
  readonly owner: HostileClient;
  /** te3, a member of the room. */
  readonly mallory: HostileClient;
  /** What te3 got with its admission: the room's key, and the epoch. */
  readonly admission: () => Admission;
  /** Has te3 admitted (again): a manager that was started anew has a new key. */
  admit(): Promise<void>;
  down(): Promise<void>;
};

export type Devices = (sysfs: string) => LabOptions['nodeSettings'];

export type Admission = { readonly key: SessionKey; readonly epoch: Epoch };

export type RangeOptions = {
  /** XMPP_SERVER of xmpp-server.ts, where it matters which one it is; else ANY_SERVER. */
  readonly server?: XmppServerKind;
  /** Makes more devices in the tree of sysfs, and gives the executors' settings for them. */
  readonly devices?: Devices;
  /** The XMPP server writes every stanza into its log, which costs it more than all else that it does. */
  readonly showStanzas?: boolean;
};

/** In a folder of its own, which goes with `down`. */
export async function openRange(options: RangeOptions): Promise<Range> {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-attacks-'));
  // Servers that run under users of their own must get to their folders below.
  chmodSync(folder, 0o711);
  try {
    return await openIn(folder, options);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function openIn(folder: string, options: RangeOptions): Promise<Range> {
  const { server = ANY_SERVER, devices = () => ({}), showStanzas = false } = options;
  const sysfs = makeSensor(join(folder, 'sys'));
  const lab = await startLab({
    folder: join(folder, 'lab'),
    domains: [DOMAIN],
    server,
    executors: 3,
    sensors: { sysfs, procfs: '/proc' },
    nodeSettings: devices(sysfs),
    showStanzas,
  });
  const clients: HostileClient[] = [];
  const down = async (): Promise<void> => {
    for (const client of clients) await client.stop();
    await lab.down();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    return { ...(await fill(lab, clients)), down };
  } catch (error) {
    await down();
    throw error;
  }
}

async function fill(lab: Lab, clients: HostileClient[]): Promise<Omit<Range, 'down'>> {
  const domain = lab.domain(DOMAIN);
  const steal = (own: string): Promise<Keystore> => stealIdentity(lab.folder, DOMAIN, own);
  const identities = {
    admin: await steal('admin'),
    cm1: await steal('nodes/cm1'),
    te1: await steal('nodes/te1'),
    te2: await steal('nodes/te2'),
    te3: await steal('nodes/te3'),
  };
  const logIn = async (identity: Keystore, jid: string): Promise<HostileClient> => {
    const client = await openClient(domain, identity, jid);
    clients.push(client);
    return client;
  };
  const logOf = (name: string): NodeLog => openNodeLog(domain.node(name).process!.logFile);
  await domain.node('te3').stop();
  const mallory = await logIn(identities.te3, `${MALLORY}/agent`);

  let admission = await admitted(mallory, identities);
  await enterRoom(mallory, 'te3');
  const owner = await logIn(identities.cm1, `cm1@${DOMAIN}/attacks`);
  await enterRoom(owner, OWNER_NICK);
  return {
    domain,
    state: lab.folder,
    identities,
    authority: await steal('certificate-authority'),
    logs: { cm1: logOf('cm1'), te1: logOf('te1'), te2: logOf('te2') },
    server: openServerLog(domain.xmppLog),
    admin: await logIn(identities.admin, `${ADMIN}/attacks`),
    manager: await logIn(identities.cm1, `${SERVICE}/attacks`),
    owner,
    mallory,
    admission: () => admission,
    async admit() {
      admission = await admitted(mallory, identities);
    },
  };
}

/** The honest way in of a task executor: its letter `join`, by the functions that the attacks use. */
async function admitted(mallory: HostileClient, identities: Range['identities']): Promise<Admission> {
  const time = Date.now();
  const head = { id: newId(), from: MALLORY, to: SERVICE, time, expires: time + 30_000 };
  const asked = await sign(identities.te3, { type: 'join', ...head, version: 'test' });
  const { letter, code } = await mallory.ask(ACTIVE, await sealTo(asked, identities.cm1));
  if (!letter) throw new Error(`te3 was not admitted: ${code}`);
  const joined = (await mallory.open(letter, [identities.cm1.certificate])) as PayloadOf<'joined'>;
  return { key: takeKey(joined.key), epoch: joined.epoch };
}

function enterRoom({ session }: HostileClient, nick: string): Promise<Room> {
  return joinRoom(session, { room: ROOM, nick, log: silent });
}

function makeSensor(sysfs: string): string {
  const chip = join(sysfs, 'class/hwmon/hwmon0');
  mkdirSync(chip, { recursive: true });
  writeFileSync(join(chip, 'name'), `${SECRET.sensor}\n`);
  writeFileSync(join(chip, 'temp1_input'), `${SECRET.millidegrees}\n`);
  return sysfs;
}
