/** What administrators order: tokens, decisions about enrolments, revocations, a new generation of epochs. Each is one line in the log, with who it was. */
import { Mom4cError } from '@mom4c/core';
import type { Certificate, RevocationReason, Role } from '@mom4c/core';
import { checkGrant } from './config.ts';
import { transaction } from './database.ts';
import type { Enrolment } from './enrolment-store.ts';
import type { Generation } from './generation.ts';
import type { Issuing, IssuingParts } from './issuing.ts';
import type { NewToken, TokenWish } from './token-store.ts';

export type Orders = {
  /** @throws Mom4cError M4C_BAD_ARGUMENTS */
  makeToken(wish: TokenWish, by: string): NewToken;
  /** Oldest first. */
  enrolments(): Enrolment[];
  /** Name and role are what the administrator says, whatever was asked for.
   *  @throws Mom4cError M4C_ENROLMENT_UNKNOWN, M4C_BAD_ARGUMENTS, M4C_CA_REFUSED; the last also where the name, or who
   *  approves, is revoked meanwhile */
  approve(id: string, grant: { name: string; role: string }, by: string): Promise<Certificate>;
  /** @throws Mom4cError M4C_ENROLMENT_UNKNOWN */
  reject(id: string, by: string): void;
  /** All that a name holds, its unused tokens included, or one certificate; of an administrator, the unused tokens that he
   *  made for others as well. @throws Mom4cError M4C_ENROLMENT_UNKNOWN */
  revoke(what: { name: string } | { serial: string }, reason: RevocationReason, by: string): Revocation;
  /** For when the bucket of the lease was lost. @returns the new generation @throws as `Generation.raise` */
  resetEpoch(by: string): Promise<number>;
};

export type Revocation = {
  readonly revoked: readonly { readonly serial: string; readonly name: string; readonly role: Role }[];
  /** Unused ones that were made worthless. */
  readonly tokens: number;
};

export function createOrders(
  parts: Pick<IssuingParts, 'database' | 'tokens' | 'certificates' | 'enrolments' | 'log'> & {
    readonly issuing: Issuing;
    readonly generation: Pick<Generation, 'raise'>;
    /** The directory is no longer up to date. */
    readonly onChange: () => void;
  },
): Orders {
  const { database, tokens, certificates, enrolments, log, issuing, generation, onChange } = parts;

  const revokeAll = (what: { name: string } | { serial: string }, reason: RevocationReason) => {
    const revoked = certificates.revoke(what, reason);
    const administrators = revoked.filter(({ role }) => role === 'admin').map(({ name }) => name);
    let voided = 0;
    if ('name' in what) {
      voided += tokens.void(what.name);
      // Also where his certificates have expired, or were revoked before.
      administrators.push(what.name);
    }
    for (const name of new Set(administrators)) voided += tokens.voidMadeBy(name);
    return { revoked, voided };
  };

  return {
    makeToken(wish, by) {
      const made = tokens.create(wish, by);
      const { name, role, legacy } = wish;
      const expires = new Date(made.expires).toISOString();
      log.info({ audit: 'token', name, role, ...(legacy && { legacy }), expires, by }, 'token made');
      return made;
    },

    enrolments: () => enrolments.list(),

    async approve(id, wish, by) {
      const { publicKey, fingerprint, state } = enrolments.get(id);
      const grant = checkGrant(wish);
      if (state !== 'pending') throw new Mom4cError('M4C_ENROLMENT_UNKNOWN', `${id} is ${state} already`);
      const before = certificates.revocations();
      const certificate = await issuing.issueMember({
        ...grant,
        publicKey,
        renews: undefined,
        settle({ serial }) {
          if (certificates.revokedSince(before, grant.name) || certificates.revokedSince(before, by))
            throw new Mom4cError('M4C_CA_REFUSED', `${grant.name} or ${by} was revoked meanwhile`);
          enrolments.decide(id, 'approved', serial);
        },
        algorithms: undefined,
        audit: { by: `approval of ${id} by ${by}` },
      });
      log.info({ audit: 'approved', id, fingerprint, ...grant, by }, 'enrolment approved');
      onChange();
      return certificate;
    },

    reject(id, by) {
      enrolments.decide(id, 'rejected');
      log.info({ audit: 'rejected', id, by }, 'enrolment rejected');
    },

    revoke(what, reason, by) {
      const { revoked, voided } = transaction(database, () => revokeAll(what, reason));
      if (revoked.length + voided === 0)
        throw new Mom4cError('M4C_ENROLMENT_UNKNOWN', 'nothing that is valid has this name or serial number');
      for (const { serial, name, role } of revoked)
        log.warn({ audit: 'revoked', serial, name, role, reason, by }, 'certificate revoked');
      onChange();
      return {
        revoked: revoked.map(({ serial, name, role }) => ({ serial, name, role })),
        tokens: voided,
      };
    },

    async resetEpoch(by) {
      const raised = await generation.raise();
      log.warn({ audit: 'generation', generation: raised, by }, "the domain's epochs have a new generation");
      return raised;
    },
  };
}
