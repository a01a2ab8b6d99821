/** Every certificate that was issued, whether it is revoked, and whether the directory knows that. */
import type { DatabaseSync } from 'node:sqlite';
import type { Certificate, Clock, RevocationReason, Role } from '@mom4c/core';
import { readCertificate } from '@mom4c/pki';
import type { Revoked } from '@mom4c/pki';

export type CertificateStore = {
  /**
   * @param publish put it on the list of those that the directory is to get
   * @param algorithms of the request that it was issued for
   */
  record(certificate: Certificate, publish: boolean, algorithms?: string): void;
  /** Issued by us and not revoked. Says nothing of its time. */
  isStanding(certificate: Certificate): boolean;
  /** Issued by us, revoked or not. @param serial lower-case hex */
  find(serial: string): Certificate | undefined;
  /** How many a name holds that are valid now, and when the last one was issued, in milliseconds since 1970. */
  holdingsOf(name: string): { count: number; lastIssued: number | undefined };
  /** Revokes those of a name that are valid now, but for so many of the newest. @returns how many that were */
  retire(name: string, keep: number): number;
  /** Revokes what is valid now: all of a name, or one. @returns those that were revoked by this call */
  revoke(what: { name: string } | { serial: string }, reason: RevocationReason): Certificate[];
  /** Revoked, and not expired since: what a list has to hold. In the order of their revocation. */
  revoked(): Revoked[];
  /** How many revocations there have ever been: only grows. */
  revocations(): number;
  /** Has a certificate of that name been revoked after so many revocations? */
  revokedSince(revocations: number, name: string): boolean;
  /** Forgets what expired long ago. @returns how many that were */
  purge(): number;
  /** The roles for which a name holds certificates that are valid now. */
  rolesOf(name: string): Role[];
  /** Those that the directory does not have yet, oldest first. */
  unpublished(): Certificate[];
  published(certificate: Certificate): void;
  /** Those that the directory has still, though they are revoked. */
  unwithdrawn(): Certificate[];
  withdrawn(certificate: Certificate): void;
};

/** How long an expired certificate is remembered, for whoever asks what happened. */
const REMEMBER_EXPIRED = 30 * 86_400_000;

/** Revoking takes it off the list of what is to be published, and puts it on that of what is to be withdrawn. */
const REVOKE = 'UPDATE certificates SET revoked = ?, reason = ?, unpublished = 0, unwithdrawn = 1';
const VALID = 'not_after > ? AND revoked IS NULL';

export function createCertificateStore(database: DatabaseSync, clock: Pick<Clock, 'now'>): CertificateStore {
  const insert = database.prepare(
    'INSERT INTO certificates (serial, der, name, role, issued, not_after, unpublished, algorithms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  );
  const select = database.prepare('SELECT der, revoked FROM certificates WHERE serial = ?');
  const roles = database.prepare(`SELECT DISTINCT role FROM certificates WHERE name = ? AND ${VALID}`);
  const holdings = database.prepare(
    `SELECT count(*) AS count, max(issued) AS lastIssued FROM certificates WHERE name = ? AND ${VALID}`,
  );
  const revokeOldest = database.prepare(
    `${REVOKE} WHERE serial IN (SELECT serial FROM certificates WHERE name = ? AND ${VALID}
      ORDER BY issued DESC, rowid DESC LIMIT -1 OFFSET ?)`,
  );
  const revokeName = database.prepare(`${REVOKE} WHERE name = ? AND ${VALID} RETURNING der`);
  const revokeSerial = database.prepare(`${REVOKE} WHERE serial = ? AND ${VALID} RETURNING der`);
  const listed = database.prepare(
    'SELECT serial, revoked, reason FROM certificates WHERE revoked IS NOT NULL AND not_after > ? ORDER BY revoked, rowid',
  );
  const count = database.prepare('SELECT count FROM revocations');
  const since = database.prepare('SELECT 1 FROM certificates WHERE name = ? AND revocation > ? LIMIT 1');
  const forget = database.prepare('DELETE FROM certificates WHERE not_after < ?');
  const waiting = database.prepare(
    `SELECT der FROM certificates WHERE unpublished = 1 AND ${VALID} ORDER BY issued, rowid LIMIT 1000`,
  );
  const done = database.prepare('UPDATE certificates SET unpublished = 0 WHERE serial = ?');
  const leaving = database.prepare(
    'SELECT der FROM certificates WHERE unwithdrawn = 1 AND not_after > ? ORDER BY revoked, rowid LIMIT 1000',
  );
  const gone = database.prepare('UPDATE certificates SET unwithdrawn = 0 WHERE serial = ?');

  return {
    record(certificate, publish, algorithms) {
      const { serial, der, name, role, notAfter } = certificate;
      insert.run(serial, der, name, role, clock.now(), notAfter, publish ? 1 : 0, algorithms ?? null);
    },
    isStanding({ serial, der }) {
      const row = select.get(serial) as { der: Uint8Array; revoked: number | null } | undefined;
      return row?.revoked === null && Buffer.compare(row.der, der) === 0;
    },
    find(serial) {
      const row = select.get(serial) as { der: Uint8Array } | undefined;
      return row && readCertificate(row.der);
    },
    holdingsOf(name) {
      const row = holdings.get(name, clock.now()) as { count: number; lastIssued: number | null };
      return { count: row.count, lastIssued: row.lastIssued ?? undefined };
    },
    retire(name, keep) {
      const now = clock.now();
      return Number(revokeOldest.run(now, 'superseded', name, now, keep).changes);
    },
    revoke(what, reason) {
      const now = clock.now();
      return certificatesIn(
        'name' in what
          ? revokeName.all(now, reason, what.name, now)
          : revokeSerial.all(now, reason, what.serial, now),
      );
    },
    revoked: () =>
      (listed.all(clock.now()) as { serial: string; revoked: number; reason: RevocationReason | null }[]).map(
        ({ serial, revoked, reason }) => ({ serial, at: revoked, reason: reason ?? 'unspecified' }),
      ),
    revocations: () => (count.get() as { count: number }).count,
    revokedSince: (revocations, name) => since.get(name, revocations) !== undefined,
    purge: () => Number(forget.run(clock.now() - REMEMBER_EXPIRED).changes),
    rolesOf: (name) => (roles.all(name, clock.now()) as { role: Role }[]).map(({ role }) => role),
    unpublished: () => certificatesIn(waiting.all(clock.now())),
    published({ serial }) {
      done.run(serial);
    },
    unwithdrawn: () => certificatesIn(leaving.all(clock.now())),
    withdrawn({ serial }) {
      gone.run(serial);
    },
  };
}

function certificatesIn(rows: readonly unknown[]): Certificate[] {
  return (rows as { der: Uint8Array }[]).map(({ der }) => readCertificate(der));
}
