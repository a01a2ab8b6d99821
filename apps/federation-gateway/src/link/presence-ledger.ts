/**
 * Who has shown himself to whom across the federation: remembered so that nobody is believed present when the way
 * between has gone, also not after this process was killed. In memory, and in a file that is written before the stanza
 * is handed on.
 *
 * A kill loses nothing of it. A power cut may lose the last of it; our own server is started anew then as well.
 *
 * INVARIANTS
 * - Memory and file hold the same.
 * - Entries are bounded, for each partner and side and within it for each account, in number and in octets. So neither
 *   side can fill the share of the other, and nobody that of a room's guests: for each time that one has shown himself to a
 *   room it can tell him once who he is there.
 */
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Mom4cError, type Load } from '@mom4c/core';
import {
  bareOf,
  causerOf,
  other,
  type Between,
  type Change,
  type Presence,
  type Side,
} from './presence-reading.ts';

/** `perPartner`: of each side. */
export type LedgerLimits = { readonly perAccount: Load; readonly perPartner: Load };

export const LEDGER_LIMITS: LedgerLimits = {
  perAccount: { pieces: 1_024, octets: 256 * 1024 },
  perPartner: { pieces: 16_384, octets: 4 * 1024 * 1024 },
};

export type PresenceLedger = {
  /** @throws Mom4cError M4C_BUSY if there is no room for it; nothing is changed then */
  apply(partner: string, change: Change): void;
  forget(partner: string, presence: Between): void;
  /** It is to be as it was. @throws Mom4cError M4C_BUSY */
  restore(partner: string, presence: Presence): void;
  find(partner: string, presence: Between): Presence | undefined;
  /** In the order in which they came. */
  of(partner: string, side: Side): readonly Presence[];
  count(partner: string): number;
  /** Those of whom anything is remembered. */
  partners(): readonly string[];
  close(): void;
};

type Sum = { pieces: number; octets: number };

type Book = {
  readonly entries: Map<string, Presence>;
  /** Of who has caused them. */
  readonly accounts: Map<string, Sum>;
  readonly loads: Readonly<Record<Side, Sum>>;
  /** Somebody and a room: how often he has shown himself there, and how often it has told him who he is. */
  readonly visits: Map<string, { shown: number; told: number }>;
};

/** @throws Mom4cError M4C_CONFIG if the file cannot be used */
export function openPresenceLedger(file: string, limits: LedgerLimits = LEDGER_LIMITS): PresenceLedger {
  const database = open(file);
  const insert = database.prepare('INSERT OR REPLACE INTO presence VALUES (?, ?, ?, ?, ?)');
  const remove = database.prepare(
    'DELETE FROM presence WHERE partner = ? AND side = ? AND sender = ? AND recipient = ?',
  );
  const books = new Map<string, Book>();

  function book(partner: string): Book {
    const known = books.get(partner);
    if (known) return known;
    const loads = { in: { pieces: 0, octets: 0 }, out: { pieces: 0, octets: 0 } };
    const fresh = { entries: new Map(), accounts: new Map(), loads, visits: new Map() };
    books.set(partner, fresh);
    return fresh;
  }

  function forget(partner: string, presence: Between): void {
    const of = books.get(partner);
    const key = keyOf(presence);
    const known = of?.entries.get(key);
    if (!of || !known) return;
    remove.run(partner, known.side, known.from, known.to);
    of.entries.delete(key);
    count(of, known, -1);
    if (of.entries.size === 0) books.delete(partner);
  }

  function note(partner: string, said: Presence, inRoom?: Change['inRoom']): void {
    const key = keyOf(said);
    const { shown = 0, told = 0 } = books.get(partner)?.visits.get(visitOf({ ...said, kind: 'self' })!) ?? {};
    if (inRoom === 'other' && shown > 0) return;
    const isSelf =
      inRoom === 'self' && (shown > told || books.get(partner)?.entries.get(key)?.kind === 'self');
    const presence: Presence = isSelf ? { ...said, kind: 'self' } : said;
    if (isSelf) letIn(partner, presence);
    const of = book(partner);
    const known = of.entries.get(key);
    // Whoever waits for a room may say more to it, and waits on; what a room is, it stays.
    if (known && (known.kind === presence.kind || presence.kind === 'directed')) return;
    if (!known && isFull(of, presence, limits)) {
      if (of.entries.size === 0) books.delete(partner);
      throw new Mom4cError('M4C_BUSY', 'too many are present');
    }
    if (known) forget(partner, known);
    insert.run(partner, presence.side, presence.kind, presence.from, presence.to);
    const now = book(partner);
    now.entries.set(key, presence);
    count(now, presence, 1);
  }

  /** The room has said who he is there: he waits no more. */
  function letIn(partner: string, { side, from, to }: Presence): void {
    const shown: Presence = { side: other(side), kind: 'directed', from: to, to: from };
    const waiting = books.get(partner)?.entries.get(keyOf(shown));
    if (waiting?.kind !== 'join') return;
    forget(partner, waiting);
    note(partner, shown);
  }

  for (const row of database.prepare('SELECT * FROM presence ORDER BY rowid').all()) {
    const { partner, side, kind, sender, recipient } = row as Record<string, string>;
    const presence = { side, kind, from: sender, to: recipient } as Presence;
    const of = book(partner!);
    of.entries.set(keyOf(presence), presence);
    count(of, presence, 1);
  }

  return {
    apply(partner, { note: fresh, inRoom, forget: gone = [] }) {
      if (fresh) note(partner, fresh, inRoom);
      for (const between of gone) forget(partner, between);
    },
    forget,
    restore(partner, presence) {
      forget(partner, presence);
      note(partner, presence);
    },
    find: (partner, presence) => books.get(partner)?.entries.get(keyOf(presence)),
    of: (partner, side) =>
      [...(books.get(partner)?.entries.values() ?? [])].filter((one) => one.side === side),
    count: (partner) => books.get(partner)?.entries.size ?? 0,
    partners: () => [...books.keys()],
    close: () => database.close(),
  };
}

function open(file: string): DatabaseSync {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const database = new DatabaseSync(file);
    // SQLite gives the files beside it, made from now on, the same mode.
    for (const each of [file, `${file}-wal`, `${file}-shm`]) if (existsSync(each)) chmodSync(each, 0o600);
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
      CREATE TABLE IF NOT EXISTS presence (
        partner TEXT NOT NULL,
        side TEXT NOT NULL CHECK (side IN ('in', 'out')),
        kind TEXT NOT NULL CHECK (kind IN ('directed', 'join', 'self')),
        sender TEXT NOT NULL,
        recipient TEXT NOT NULL,
        UNIQUE (partner, side, sender, recipient)
      ) STRICT`);
    return database;
  } catch (cause) {
    throw new Mom4cError('M4C_CONFIG', `state: ${file} cannot be used`, { cause });
  }
}

/** No address holds a line feed. */
function keyOf({ side, from, to }: Between): string {
  return `${side}\n${from}\n${to}`;
}

/** Of whom in which room it is; undefined where it is of no room. */
function visitOf({ kind, side, from, to }: Presence): string | undefined {
  if (kind === 'self') return keyOf({ side: other(side), from: to, to: bareOf(from) });
  return to.includes('/') ? keyOf({ side, from, to: bareOf(to) }) : undefined;
}

function count(book: Book, presence: Presence, by: 1 | -1): void {
  const { side, account: name } = causerOf(presence);
  const account = book.accounts.get(name) ?? { pieces: 0, octets: 0 };
  book.accounts.set(name, account);
  for (const load of [account, book.loads[side]]) {
    load.pieces += by;
    load.octets += by * octetsOf(presence);
  }
  if (account.pieces === 0) book.accounts.delete(name);
  const room = visitOf(presence);
  if (room === undefined) return;
  const visit = book.visits.get(room) ?? { shown: 0, told: 0 };
  book.visits.set(room, visit);
  visit[presence.kind === 'self' ? 'told' : 'shown'] += by;
  if (visit.shown === 0 && visit.told === 0) book.visits.delete(room);
}

function isFull(book: Book, presence: Presence, { perAccount, perPartner }: LedgerLimits): boolean {
  const octets = octetsOf(presence);
  const { side, account: name } = causerOf(presence);
  const account = book.accounts.get(name) ?? { pieces: 0, octets: 0 };
  const above = (load: Load, limit: Load): boolean =>
    load.pieces >= limit.pieces || load.octets + octets > limit.octets;
  return above(account, perAccount) || above(book.loads[side], perPartner);
}

function octetsOf({ from, to }: Presence): number {
  return Buffer.byteLength(from) + Buffer.byteLength(to);
}
