/** What commands use of the node they run on, and what a cluster manager writes before it accepts. */
import type { Epoch } from './epoch.ts';
import type { ErrorBody } from './errors.ts';
import type { EventRecord, EventSeverity } from './events.ts';
import type { Role } from './identity.ts';
import type { BareJid } from './jid.ts';
import type { Uuid } from './ids.ts';
import type { LabelTerm, Labels } from './labels.ts';

/**
 * One sensor in SenML terms (RFC 8428): `n` name, `u` unit, `v` or `vs` value, `t` Unix seconds.
 * One that cannot be read has `error` and no value.
 */
export type SensorRecord = {
  n: string;
  u?: string | undefined;
  v?: number | undefined;
  vs?: string | undefined;
  t?: number | undefined;
  error?: ErrorBody | undefined;
};

/** RFC 8428 §4.5.1. */
export function isSensorName(text: string): boolean {
  return text.length <= 200 && /^[A-Za-z0-9][A-Za-z0-9:./_-]*$/.test(text);
}

/** The sensors of this node, served by an agent of its own process. */
export interface SensorPort {
  /** @throws Mom4cError M4C_AGENT_UNAVAILABLE, M4C_AGENT_TIMEOUT */
  list(signal: AbortSignal): Promise<readonly SensorRecord[]>;
  /** @throws Mom4cError M4C_SENSOR_UNKNOWN, M4C_SENSOR_UNREADABLE, M4C_AGENT_UNAVAILABLE, M4C_AGENT_TIMEOUT */
  read(name: string, signal: AbortSignal): Promise<SensorRecord>;
}

/** Something that this node can set. `value` as the device has it now; one that cannot be read has `error` instead. */
export type ActuatorRecord = {
  name: string;
  value?: number | undefined;
  /** Values are from 0 to this. */
  max: number;
  /** What it has while no manager is there. */
  safe: number;
  error?: ErrorBody | undefined;
};

/** As the settings of a node name it. */
export function isActuatorName(text: string): boolean {
  return /^[a-z0-9][a-z0-9_-]{0,39}$/.test(text);
}

/** The actuators of this node, served by an agent of its own process. */
export interface ActuatorPort {
  /** @throws Mom4cError M4C_AGENT_UNAVAILABLE, M4C_AGENT_TIMEOUT */
  list(signal: AbortSignal): Promise<readonly ActuatorRecord[]>;
  /** Once. @throws Mom4cError M4C_ACTUATOR_UNKNOWN, M4C_ACTUATOR_LIMIT, M4C_ACTUATOR_FAILED, M4C_AGENT_UNAVAILABLE,
   *  M4C_OUTCOME_UNKNOWN */
  set(name: string, value: number, signal: AbortSignal): Promise<void>;
}

/** Of the manager that a node may become: whether its program runs, and whether that has said that it is ready. */
export const NODE_MANAGER_STATES = ['off', 'starting', 'ready'] as const;
export type NodeManagerState = (typeof NODE_MANAGER_STATES)[number];

/** What a node that may become a manager shall be: a manager as well, the same until enough others stand by, or a task executor
 *  only. */
export const NODE_ROLES = ['cm', 'reserve', 'te'] as const;
export type NodeRole = (typeof NODE_ROLES)[number];

/** The manager that this node may become, a process of its own beside the task executor. */
export interface NodeManagerPort {
  /** Starts it or ends it, also after a restart of the node. Resolves once it is ready, or gone. @returns its name
   *  @throws Mom4cError M4C_NOT_ELIGIBLE; M4C_AGENT_UNAVAILABLE, M4C_AGENT_TIMEOUT (it is not ready by then; the wish
   *  stays); M4C_RECORD (the wish could not be written; nothing was changed) */
  take(role: NodeRole, signal: AbortSignal): Promise<string>;
}

export type NodeInfo = {
  name: string;
  role: Role;
  address: BareJid;
  /** Has it announced itself to the active cluster manager, and is it still there? */
  present: boolean;
  /** A session of it is there, but nothing signed came when it should have. */
  silent?: boolean | undefined;
  /** It is gone without a word, or gives no sign: Unix seconds of the last one. */
  lost?: number | undefined;
  version?: string | undefined;
  /** Unix seconds. */
  since?: number | undefined;
  /** As it last announced them, whether it is present or not. */
  labels?: Labels | undefined;
  /** The last word of it whose signature was verified; `time` is what it says itself, in Unix seconds. */
  signed?: { kind: SignedKind; time: number } | undefined;
  /** Of a node that is present and may become a manager: the name of that manager, what the node shall be, and how the
   *  manager stands. */
  manager?: { name: string; role: NodeRole; state: NodeManagerState } | undefined;
};

/** What a node says under its signature. */
export const SIGNED_KINDS = ['join', 'presence', 'result'] as const;
export type SignedKind = (typeof SIGNED_KINDS)[number];

export interface NodeRegistry {
  /** @param having only nodes for which all of these hold */
  list(having?: readonly LabelTerm[]): Promise<readonly NodeInfo[]>;
}

export type ManagerInfo = {
  name: string;
  /** `away`: it is enrolled, and nothing signed is heard of it. */
  role: 'active' | 'passive' | 'away';
  /** Of the active one. */
  epoch?: Epoch | undefined;
  /** Of the active one: seconds until its lease ends unless it renews it. */
  lease?: number | undefined;
  /** Of those that could take over now: 1 is the first to do so. */
  rank?: number | undefined;
  /** Records of the journal that it lacks; absent while it does not know. */
  lag?: number | undefined;
  /** In a few words, what keeps a passive one from taking over. */
  health: string;
  /** The task executor beside which it runs, where it is one that a node became. */
  node?: string | undefined;
  version?: string | undefined;
  /** Unix seconds. */
  started?: number | undefined;
};

/** The managers of this domain, as the active one knows them. */
export interface ManagersPort {
  list(): Promise<readonly ManagerInfo[]>;
  /** Hands over to one that stands by, as soon as the outcome of this request has been sent.
   *  @returns the name of the one that hands over @throws Mom4cError M4C_NOT_A_STANDBY */
  promote(name: string): string;
}

/** What has happened in this domain, as far as the manager that leads remembers. */
export interface EventsPort {
  /** The latest that fit into an answer, oldest first, and how many older ones there are.
   *  @param since Unix milliseconds @param before id of an event: only older ones */
  recent(query: {
    readonly since?: number | undefined;
    readonly severity?: EventSeverity | undefined;
    readonly before?: Uuid | undefined;
  }): { readonly events: readonly EventRecord[]; readonly older: number };
}

/** The federation gateway of this domain, a process of its own. What it answers is checked by the command. */
export interface FederationPort {
  /** @throws Mom4cError M4C_GATEWAY_UNAVAILABLE, M4C_BAD_RESULT */
  status(signal: AbortSignal): Promise<unknown>;
  /** The domains that it knows. @throws as `status` */
  partners(signal: AbortSignal): Promise<unknown>;
  /** The link is wished for, also after a restart of the gateway. Resolves once it is up.
   *  @throws as `status`; Mom4cError M4C_PARTNER_UNKNOWN, M4C_PARTNER_DOWN (with why; it keeps trying) */
  connect(domain: string, signal: AbortSignal): Promise<unknown>;
  /** No link until it is wished for again. @throws as `status`; Mom4cError M4C_PARTNER_UNKNOWN */
  disconnect(domain: string, signal: AbortSignal): Promise<unknown>;
  /** Of this gateway, for the operator of the federation. @throws as `status`; Mom4cError M4C_METADATA (it has none) */
  metadata(signal: AbortSignal): Promise<unknown>;
}

/** One accepted command, as the journal keeps it. */
export type JournalEntry = {
  id: Uuid;
  /** Name of the command. */
  command: string;
  /** Full address that gets the outcome. */
  requester: string;
  /** Unix milliseconds. */
  acceptedAt: number;
  deadline: number;
  /** The request as it was signed: CMS SignedData with the payload inside. */
  evidence: Uint8Array;
  targets: readonly string[];
};

export type JournalState =
  | { state: 'accepted'; entry: JournalEntry }
  | { state: 'finished'; entry: JournalEntry; outcome: Uint8Array };

/** Accepted commands, one ordered log for all managers of the domain; what `accept` has resolved for survives the death of
 *  the process. Its rules: docs/adr/0025. */
export interface Journal {
  /** Writes durably, under the epoch of `lead`. @returns false if this id is already there (nothing was written)
   *  @throws Mom4cError M4C_JOURNAL, M4C_NO_QUORUM, M4C_EPOCH (no epoch was opened, or somebody opened a higher one) */
  accept(entry: JournalEntry): Promise<boolean>;
  /** Likewise. An outcome that is there already stays. @throws as `accept` */
  finish(id: Uuid, outcome: Uint8Array): Promise<void>;
  /** Of an id that is being accepted it waits for that. @throws as `accept` where that fails */
  find(id: Uuid): Promise<JournalState | undefined>;
  /** Accepted and without an outcome, oldest first. */
  unfinished(): Promise<readonly JournalEntry[]>;
  close(): Promise<void>;
}

/** One record of the log: what a manager says under its signature. */
export type JournalRecord = {
  /** Name of the manager that signed it. */
  readonly manager: string;
  /** The one that it had opened when it wrote this; that of `lead` itself. */
  readonly epoch: Epoch;
} & (
  | { readonly kind: 'lead' }
  | { readonly kind: 'accepted'; readonly entry: JournalEntry }
  | { readonly kind: 'finished'; readonly id: Uuid; readonly outcome: Uint8Array }
);

/** The epoch that is open, and who has opened it. */
export type Led = { readonly epoch: Epoch; readonly manager: string };

/** Makes records of the log, and believes them. */
export interface JournalRecords {
  /** The own name, under which `sign` signs. */
  readonly manager: string;
  /** @throws Mom4cError M4C_TOO_LARGE, M4C_MALFORMED */
  sign(record: JournalRecord): Promise<Uint8Array>;
  /** @throws Mom4cError M4C_DIRECTORY_UNREACHABLE, M4C_BUSY (not known now); any other: it is not to be believed */
  open(octets: Uint8Array): Promise<JournalRecord>;
}

/** The same, as one log of several managers. */
export interface SharedJournal extends Journal {
  /** Opens an epoch. Resolves once every record before it is in the own file. @throws as `accept` */
  lead(epoch: Epoch): Promise<void>;
  /** Calls back for what a deposed manager had accepted and the log shows only after our `lead`. */
  onAdopted(listener: (entry: JournalEntry) => void): () => void;
  /** The highest epoch that anybody has opened. */
  readonly led: Led | undefined;
  /** How many records of the log the own file lacks; undefined: that is not known now. */
  readonly lag: number | undefined;
  onLag(listener: (lag: number | undefined) => void): () => void;
}
