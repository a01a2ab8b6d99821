/** Who gets a certificate: the policy of the authority, and the record of what it issued. */
import type { KeyObject } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { Mom4cError } from '@mom4c/core';
import type { Certificate, Clock, Log, Random, Role } from '@mom4c/core';
import { issueCertificate, readCertificate, ScepFault } from '@mom4c/pki';
import type { Authority, ScepRequest } from '@mom4c/pki';
import { ENROLLED_ROLES, isEnrollableName } from './config.ts';
import type { CertificateStore } from './certificate-store.ts';
import { transaction } from './database.ts';
import type { TokenStore } from './token-store.ts';

export type Issuing = {
  /** Answers a SCEP request. @throws ScepFault */
  answer(request: ScepRequest, transactionId: string): Promise<Uint8Array>;
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

export type IssuingParts = {
  readonly authority: Authority;
  readonly authorityKey: KeyObject;
  readonly domain: string;
  readonly validityDays: number;
  readonly database: DatabaseSync;
  readonly tokens: TokenStore;
  readonly certificates: CertificateStore;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly log: Log;
};

/** What a certificate is made of: from the token or the certificate that is renewed, never from the request. */
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

export function createIssuing(parts: IssuingParts): Issuing {
  const {
    authority,
    authorityKey,
    domain,
    validityDays,
    database,
    tokens,
    certificates,
    clock,
    random,
    log,
  } = parts;

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

  /** The grant of a token. The reason for a refusal goes into the log; the sender learns no more than "invalid". */
  const enrol = ({ subject, challengePassword: token }: ScepRequest): Subject & { token: string } => {
    if (token === undefined) throw tokenFault(new Mom4cError('M4C_TOKEN_INVALID'), 'without a token');
    const grant = withTokenFaults(() => tokens.check(token));
    checkSubject(subject, grant, domain, () =>
      tokenFault(new Mom4cError('M4C_TOKEN_INVALID'), 'token of another name or role'),
    );
    return { ...grant, token };
  };

  const renew = ({ subject }: ScepRequest, current: Certificate): Subject => {
    if (!certificates.isStanding(current))
      throw new ScepFault('badCertID', 'renewal signed by a revoked or unknown certificate');
    if (!ENROLLED_ROLES.some((role) => role === current.role))
      throw new ScepFault('badCertID', 'a role that is not renewed');
    checkSubject(subject, current, domain, () => new ScepFault('badRequest', 'renewal for another subject'));
    return current;
  };

  /** A member in the wrong hands, or one that renews in a circle, must fill neither the database nor the directory. */
  const checkBounds = (current: Certificate): void => {
    const { name } = current;
    const { count, lastIssued = 0 } = certificates.holdingsOf(name);
    if (count >= MAX_HELD)
      throw new ScepFault('badRequest', `${name} holds ${count} valid certificates: no renewal`);
    // RSA is what an enrolment gives; the move away from it comes right after. The count bounds that.
    const since = current.publicKey.asymmetricKeyType === 'rsa' ? MIN_INTERVAL : clock.now() - lastIssued;
    // Below zero the clock was put back: that must not keep a name from renewing until it has caught up.
    if (since >= 0 && since < MIN_INTERVAL)
      throw new ScepFault('badRequest', `${name} got a certificate ${since} ms ago: no renewal yet`);
  };

  /** A new token is the will of the operator: it is honoured, at the cost of the oldest. */
  const makeRoom = (name: string): void => {
    const retired = certificates.retire(name, KEPT_AT_ENROLMENT);
    if (retired > 0) log.info({ audit: 'retired', name, retired }, 'oldest certificates retired');
  };

  return {
    async answer(request, transactionId) {
      const { token, name, role }: Subject & { token?: string } = request.renews
        ? renew(request, request.renews)
        : enrol(request);
      if (!isEnrollableName(name)) throw new ScepFault('badRequest', 'not a name that a node may have');
      const certificate = await issue({ name, role }, request.publicKey);
      transaction(database, () => {
        if (certificates.rolesOf(name).some((held) => held !== role))
          throw new ScepFault('badRequest', 'the name holds a valid certificate of another role');
        // While the certificate was being made, somebody else may have used the token.
        if (token !== undefined) withTokenFaults(() => tokens.consume(token));
        if (request.renews) checkBounds(request.renews);
        else makeRoom(name);
        certificates.record(certificate, true);
      });
      audit(log, certificate, {
        by: request.renews ? `renewal of ${request.renews.serial}` : 'token',
        transactionId,
      });
      return certificate.der;
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

function checkSubject(
  asked: ScepRequest['subject'],
  { name, role }: Subject,
  domain: string,
  fault: () => ScepFault,
): void {
  const fits = asked.name === name && (asked.role ?? role) === role && (asked.domain ?? domain) === domain;
  if (!fits) throw fault();
}

function withTokenFaults<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof Mom4cError) throw tokenFault(error, error.code);
    throw error;
  }
}

/** The code travels as failInfoText, so that the client can tell an expired token from an invalid one. */
function tokenFault({ code }: Mom4cError, detail: string): ScepFault {
  return new ScepFault('badRequest', detail, code);
}

function audit(log: Log, { serial, name, role, notAfter, fingerprint }: Certificate, more: object): void {
  const until = new Date(notAfter).toISOString();
  log.info(
    { audit: 'issued', serial, name, role, notAfter: until, fingerprint, ...more },
    'certificate issued',
  );
}
