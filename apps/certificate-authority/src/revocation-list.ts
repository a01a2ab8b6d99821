/** The revocation list of the domain: made when somebody asks for it and the last one no longer serves. */
import type { KeyObject } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '@mom4c/core';
import { writeCrl } from '@mom4c/pki';
import type { Authority } from '@mom4c/pki';
import type { CertificateStore } from './certificate-store.ts';

export type RevocationList = {
  /** DER. */
  current(): Promise<Uint8Array>;
};

/** From thisUpdate to nextUpdate: whoever keeps a list learns of a revocation this late. */
const VALIDITY = 24 * 3_600_000;
/** One that is half as old is made anew, so that nobody gets a list that is about to end. */
const RENEWAL = VALIDITY / 2;
/** Clocks of nodes may be slow by this much. */
const BACKDATE = 300_000;

/** `revocations`: how many there had been when this list was made. */
type Row = { number: number; der: Uint8Array; made: number; revocations: number };

export function createRevocationList(parts: {
  readonly authority: Authority;
  readonly authorityKey: KeyObject;
  readonly database: DatabaseSync;
  readonly certificates: Pick<CertificateStore, 'revoked' | 'revocations'>;
  readonly clock: Pick<Clock, 'now'>;
}): RevocationList {
  const { authority, authorityKey, database, certificates, clock } = parts;
  const select = database.prepare('SELECT number, der, made, revocations FROM revocation_list');
  const replace = database.prepare(
    'INSERT OR REPLACE INTO revocation_list (rowid, number, der, made, revocations) VALUES (1, ?, ?, ?, ?)',
  );
  let making: Promise<Uint8Array> | undefined;

  const serves = ({ made, revocations }: Row): boolean => {
    const age = clock.now() - made;
    // Below zero the clock was put back.
    return age >= 0 && age < RENEWAL && revocations === certificates.revocations();
  };

  const make = async (before: Row | undefined): Promise<Uint8Array> => {
    const now = clock.now();
    // Counted first: what is revoked while this one is being made shows in the next.
    const revocations = certificates.revocations();
    const number = (before?.number ?? 0) + 1;
    const der = await writeCrl({
      authority,
      authorityKey,
      number,
      thisUpdate: now - BACKDATE,
      nextUpdate: now + VALIDITY,
      revoked: certificates.revoked(),
    });
    replace.run(number, der, now, revocations);
    return der;
  };

  return {
    async current() {
      const row = select.get() as Row | undefined;
      if (row && serves(row)) return row.der;
      making ??= make(row).finally(() => (making = undefined));
      return making;
    },
  };
}
