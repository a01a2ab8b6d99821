/**
 * Requests without a token, which wait for a person. Strangers write here: the number of requests, from everywhere and
 * from one address, their size and their age are bounded.
 */
import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { Mom4cError } from '@mom4c/core';
import type { Clock, Random } from '@mom4c/core';
import { keyFingerprint } from '@mom4c/pki';
import type { CertificationRequest } from '@mom4c/pki';

export type EnrolmentState = 'pending' | 'approved' | 'rejected';

export type Enrolment = {
  /** For people to name it by; says nothing. */
  readonly id: string;
  /** SHA-256 of the key (SubjectPublicKeyInfo), lower-case hex: what a person compares with what the device shows. */
  readonly fingerprint: string;
  readonly publicKey: KeyObject;
  /** What it asks for; nothing of that is believed. */
  readonly subject: CertificationRequest['subject'];
  /** Address that it came from. */
  readonly remote: string;
  /** Milliseconds since 1970. */
  readonly received: number;
  readonly expires: number;
  readonly state: EnrolmentState;
  /** Of the certificate, once approved. */
  readonly serial: string | undefined;
};

export type EnrolmentStore = {
  /** By its key. */
  find(publicKey: KeyObject): Enrolment | undefined;
  /** @throws Mom4cError M4C_ENROLMENT_UNKNOWN */
  get(id: string): Enrolment;
  /** @throws Mom4cError M4C_BUSY, M4C_TOO_LARGE */
  add(request: Pick<CertificationRequest, 'subject' | 'publicKey'>, remote: string): Enrolment;
  /** Only what is pending can be decided. @throws Mom4cError M4C_ENROLMENT_UNKNOWN */
  decide(id: string, state: 'approved' | 'rejected', serial?: string): void;
  /** Oldest first. */
  list(): Enrolment[];
  /** Forgets what is too old. @returns how many that were */
  purge(): number;
};

/** Of all that wait, so many may come from one address: others must get in as well. */
const MAX_OF_ADDRESS = 10;
/** Octets of the subject as JSON; RFC 5280 appendix A gives CN, OU and O 64 characters each. */
const MAX_SUBJECT = 1024;
const ID_OCTETS = 5;

type Row = {
  id: string;
  fingerprint: string;
  public_key: Uint8Array;
  subject: string;
  remote: string;
  received: number;
  expires: number;
  state: EnrolmentState;
  serial: string | null;
};

export function createEnrolmentStore(
  database: DatabaseSync,
  limits: { readonly pending: number; readonly days: number },
  clock: Pick<Clock, 'now'>,
  random: Random,
): EnrolmentStore {
  const insert = database.prepare(
    "INSERT INTO enrolments (id, fingerprint, public_key, subject, remote, received, expires, state) VALUES (?, ?, ?, ?, ?, ?, ?, 'pending')",
  );
  const byKey = database.prepare('SELECT * FROM enrolments WHERE fingerprint = ? AND expires > ?');
  const byId = database.prepare('SELECT * FROM enrolments WHERE id = ? AND expires > ?');
  const all = database.prepare('SELECT * FROM enrolments WHERE expires > ? ORDER BY received, rowid');
  const counts = database.prepare(
    "SELECT count(*) AS total, sum(remote = ?) AS same FROM enrolments WHERE state = 'pending' AND expires > ?",
  );
  const settle = database.prepare(
    "UPDATE enrolments SET state = ?, serial = ? WHERE id = ? AND state = 'pending' AND expires > ?",
  );
  const forget = database.prepare('DELETE FROM enrolments WHERE expires <= ?');

  const get = (id: string): Enrolment => {
    const row = byId.get(id, clock.now()) as Row | undefined;
    if (!row) throw new Mom4cError('M4C_ENROLMENT_UNKNOWN', id);
    return enrolmentOf(row);
  };

  return {
    find(publicKey) {
      const row = byKey.get(keyFingerprint(publicKey), clock.now()) as Row | undefined;
      return row && enrolmentOf(row);
    },

    get,

    add({ subject, publicKey }, remote) {
      const now = clock.now();
      forget.run(now);
      const { total, same } = counts.get(remote, now) as { total: number; same: number | null };
      if (total >= limits.pending) throw new Mom4cError('M4C_BUSY', `${total} requests wait already`);
      if ((same ?? 0) >= MAX_OF_ADDRESS)
        throw new Mom4cError('M4C_BUSY', `${same} requests from ${remote} wait already`);
      const text = JSON.stringify(subject);
      if (Buffer.byteLength(text) > MAX_SUBJECT) throw new Mom4cError('M4C_TOO_LARGE', 'subject');
      const id = Buffer.from(random.bytes(ID_OCTETS)).toString('hex');
      const spki = publicKey.export({ type: 'spki', format: 'der' });
      const expires = now + limits.days * 86_400_000;
      insert.run(id, keyFingerprint(publicKey), spki, text, remote, now, expires);
      return get(id);
    },

    decide(id, state, serial) {
      if (settle.run(state, serial ?? null, id, clock.now()).changes === 1) return;
      throw new Mom4cError('M4C_ENROLMENT_UNKNOWN', `${id} is ${get(id).state} already`);
    },

    list: () => (all.all(clock.now()) as Row[]).map(enrolmentOf),

    purge: () => Number(forget.run(clock.now()).changes),
  };
}

function enrolmentOf(row: Row): Enrolment {
  const { id, fingerprint, remote, received, expires, state } = row;
  return {
    id,
    fingerprint,
    publicKey: createPublicKey({ key: Buffer.from(row.public_key), type: 'spki', format: 'der' }),
    subject: JSON.parse(row.subject) as Enrolment['subject'],
    remote,
    received,
    expires,
    state,
    serial: row.serial ?? undefined,
  };
}
