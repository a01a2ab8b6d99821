/** Every certificate that was issued, whether it is revoked, and whether the directory has it. */
import type { DatabaseSync } from 'node:sqlite';
import type { Certificate, Clock, Role } from '@mom4c/core';
import { readCertificate } from '@mom4c/pki';

export type CertificateStore = {
  /** @param publish put it on the list of those that the directory is to get */
  record(certificate: Certificate, publish: boolean): void;
  /** Issued by us and not revoked. Says nothing of its time. */
  isStanding(certificate: Certificate): boolean;
  /** How many a name holds that are valid now, and when the last one was issued, in milliseconds since 1970. */
  holdingsOf(name: string): { count: number; lastIssued: number | undefined };
  /** Revokes those of a name that are valid now, but for so many of the newest. @returns how many that were */
  retire(name: string, keep: number): number;
  /** Forgets what expired long ago. @returns how many that were */
  purge(): number;
  /** The roles for which a name holds certificates that are valid now. */
  rolesOf(name: string): Role[];
  /** Those that the directory does not have yet, oldest first. */
  unpublished(): Certificate[];
  published(certificate: Certificate): void;
};

/** How long an expired certificate is remembered, for whoever asks what happened. */
const REMEMBER_EXPIRED = 30 * 86_400_000;

export function createCertificateStore(database: DatabaseSync, clock: Pick<Clock, 'now'>): CertificateStore {
  const insert = database.prepare(
    'INSERT INTO certificates (serial, der, name, role, issued, not_after, unpublished) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const select = database.prepare('SELECT der FROM certificates WHERE serial = ? AND revoked IS NULL');
  const roles = database.prepare(
    'SELECT DISTINCT role FROM certificates WHERE name = ? AND not_after > ? AND revoked IS NULL',
  );
  const holdings = database.prepare(
    'SELECT count(*) AS count, max(issued) AS lastIssued FROM certificates WHERE name = ? AND not_after > ? AND revoked IS NULL',
  );
  const revokeOldest = database.prepare(
    `UPDATE certificates SET revoked = ? WHERE serial IN (
      SELECT serial FROM certificates WHERE name = ? AND not_after > ? AND revoked IS NULL
      ORDER BY issued DESC, rowid DESC LIMIT -1 OFFSET ?)`,
  );
  const forget = database.prepare('DELETE FROM certificates WHERE not_after < ?');
  const waiting = database.prepare(
    'SELECT der FROM certificates WHERE unpublished = 1 AND not_after > ? AND revoked IS NULL ORDER BY issued, rowid LIMIT 1000',
  );
  const done = database.prepare('UPDATE certificates SET unpublished = 0 WHERE serial = ?');

  return {
    record(certificate, publish) {
      const { serial, der, name, role, notAfter } = certificate;
      insert.run(serial, der, name, role, clock.now(), notAfter, publish ? 1 : 0);
    },
    isStanding({ serial, der }) {
      const row = select.get(serial) as { der: Uint8Array } | undefined;
      return row !== undefined && Buffer.compare(row.der, der) === 0;
    },
    holdingsOf(name) {
      const row = holdings.get(name, clock.now()) as { count: number; lastIssued: number | null };
      return { count: row.count, lastIssued: row.lastIssued ?? undefined };
    },
    retire(name, keep) {
      const now = clock.now();
      return Number(revokeOldest.run(now, name, now, keep).changes);
    },
    purge: () => Number(forget.run(clock.now() - REMEMBER_EXPIRED).changes),
    rolesOf: (name) => (roles.all(name, clock.now()) as { role: Role }[]).map(({ role }) => role),
    unpublished: () =>
      (waiting.all(clock.now()) as { der: Uint8Array }[]).map(({ der }) => readCertificate(der)),
    published({ serial }) {
      done.run(serial);
    },
  };
}
