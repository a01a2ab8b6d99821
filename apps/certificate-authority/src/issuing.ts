/** Making certificates, within the bounds of what one name may hold, and the record of what was issued. */
import type { KeyObject } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { Mom4cError } from '@mom4c/core';
import type { Certificate, Clock, Log, Random, Role } from '@mom4c/core';
import { issueCertificate, readCertificate } from '@mom4c/pki';
import type { Authority } from '@mom4c/pki';
import type { CertificateStore } from './certificate-store.ts';
import { isEnrollableName } from './config.ts';
import { transaction } from './database.ts';
import type { EnrolmentStore } from './enrolment-store.ts';
import type { TokenStore } from './token-store.ts';

export type Issuing = {
  /** For a member. @throws Mom4cError M4C_CA_REFUSED where a bound is reached, or `renews` has been revoked meanwhile;
   *  what `settle` throws */
  issueMember(wish: MemberWish): Promise<Certificate>;
  /** For a TLS server of the domain, at the wish of the operator. @throws Mom4cError M4C_BAD_ARGUMENTS */
  issueServer(server: {
    name: string;
    dns: string[];
    ips: string[];
    publicKey: KeyObject;
  }): Promise<Certificate>;
  /** `CN=ca, OU=ca`: as whom this process meets the directory. Not recorded, since it never leaves the process. */
  issueOwn(publicKey: KeyObject): Promise<Certificate>;
  /** For the TLS of the admin API; not recorded either. */
  issueAdmin(server: { dns: string[]; ips: string[]; publicKey: KeyObject }): Promise<Certificate>;
};

/** Name and role come from a token, an approval or the certificate that is renewed, never from the request. */
export type MemberWish = Subject & {
  readonly publicKey: KeyObject;
  /** `undefined` in an enrolment. */
  readonly renews: Certificate | undefined;
  /** Uses up what allows it, in the transaction that records the certificate. */
  readonly settle: (certificate: Certificate) => void;
  /** Of the request, for the record. */
  readonly algorithms: string | undefined;
  /** For the log. */
  readonly audit: Readonly<Record<string, unknown>>;
};

export type IssuingParts = {
  readonly authority: Authority;
  readonly authorityKey: KeyObject;
  readonly domain: string;
  readonly validityDays: number;
  readonly database: DatabaseSync;
  readonly tokens: TokenStore;
  readonly certificates: CertificateStore;
  readonly enrolments: EnrolmentStore;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly log: Log;
};

type Subject = { readonly name: string; readonly role: Role };

const DAY = 86_400_000;
/** Certificates of one name that are valid at the same time: as many as its entry in the directory holds. */
const MAX_HELD = 4;
/** What a name keeps at an enrolment: one that its token brings, and the renewal after it, must fit beside them. */
const KEPT_AT_ENROLMENT = MAX_HELD - 2;
/** Between issuances to one name, where the certificate that is renewed has a P-256 key already. */
const MIN_INTERVAL = 10_000;
/** Clocks of nodes may be slow by this much. */
const BACKDATE = 300_000;

export function createIssuing(parts: Omit<IssuingParts, 'tokens' | 'enrolments'>): Issuing {
  const { authority, authorityKey, domain, validityDays, database, certificates, clock, random, log } = parts;

  const issue = async (
    { name, role }: Subject,
    publicKey: KeyObject,
    more: { dns?: string[]; ips?: string[]; notAfter?: number } = {},
  ): Promise<Certificate> => {
    const now = clock.now();
    const { notAfter = now + validityDays * DAY, ...hosts } = more;
    const der = await issueCertificate({
      authority,
      authorityKey,
      publicKey,
      name,
      role,
      domain,
      addresses: addressesOf(name, role, domain),
      notBefore: now - BACKDATE,
      notAfter: Math.min(notAfter, authority.notAfter),
      random,
      ...hosts,
    });
    return readCertificate(der);
  };

  /** A member in the wrong hands, or one that renews in a circle, must fill neither the database nor the directory. */
  const checkBounds = (current: Certificate): void => {
    const { name } = current;
    const { count, lastIssued = 0 } = certificates.holdingsOf(name);
    if (count >= MAX_HELD) throw refused(`${name} holds ${count} valid certificates: no renewal`);
    // RSA is what an enrolment gives; the move away from it comes right after. The count bounds that.
    const since = current.publicKey.asymmetricKeyType === 'rsa' ? MIN_INTERVAL : clock.now() - lastIssued;
    // Below zero the clock was put back: that must not keep a name from renewing until it has caught up.
    if (since >= 0 && since < MIN_INTERVAL)
      throw refused(`${name} got a certificate ${since} ms ago: no renewal yet`);
  };

  /** A new token or an approval is the will of the operator: it is honoured, at the cost of the oldest. */
  const makeRoom = (name: string): void => {
    const retired = certificates.retire(name, KEPT_AT_ENROLMENT);
    if (retired > 0) log.info({ audit: 'retired', name, retired }, 'oldest certificates retired');
  };

  return {
    async issueMember({ name, role, publicKey, renews, settle, algorithms, audit: more }) {
      if (!isEnrollableName(name)) throw refused('not a name that a node may have');
      const certificate = await issue({ name, role }, publicKey);
      transaction(database, () => {
        // A revocation ends what is under way as well. It would even make room for it, since only what stands is counted.
        if (renews && !certificates.isStanding(renews))
          throw refused('the certificate that renews was revoked meanwhile');
        if (certificates.rolesOf(name).some((held) => held !== role))
          throw refused('the name holds a valid certificate of another role');
        // While the certificate was being made, somebody else may have used what allows it.
        settle(certificate);
        if (renews) checkBounds(renews);
        else makeRoom(name);
        certificates.record(certificate, true, algorithms);
      });
      audit(log, certificate, { ...more, algorithms });
      return certificate;
    },

    async issueServer({ name, dns, ips, publicKey }) {
      if (dns.length + ips.length === 0)
        throw new Mom4cError('M4C_BAD_ARGUMENTS', 'at least one DNS name or IP address');
      const certificate = await issue({ name, role: 'server' }, publicKey, { dns, ips });
      certificates.record(certificate, false);
      audit(log, certificate, { by: 'operator', dns, ips });
      return certificate;
    },

    // Both keys live as long as the process, which holds the authority's key too: a shorter time would gain nothing.
    issueOwn: (publicKey) => issue({ name: 'ca', role: 'ca' }, publicKey, { notAfter: authority.notAfter }),
    issueAdmin: ({ publicKey, ...hosts }) =>
      issue({ name: 'certificate-authority', role: 'server' }, publicKey, {
        ...hosts,
        notAfter: authority.notAfter,
      }),
  };
}

/** Any cluster manager may answer under the service address. */
function addressesOf(name: string, role: Role, domain: string): string[] {
  if (role === 'server') return [];
  return role === 'cm' ? [`${name}@${domain}`, `cm@${domain}`] : [`${name}@${domain}`];
}

function refused(detail: string): Mom4cError {
  return new Mom4cError('M4C_CA_REFUSED', detail);
}

function audit(log: Log, { serial, name, role, notAfter, fingerprint }: Certificate, more: object): void {
  const until = new Date(notAfter).toISOString();
  log.info(
    { audit: 'issued', serial, name, role, notAfter: until, fingerprint, ...more },
    'certificate issued',
  );
}
