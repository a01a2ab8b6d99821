/**
 * Who gets a certificate by SCEP: the bearer of a token, whom an administrator has approved, and who holds a certificate
 * already. The reason for a refusal goes into the log; the sender learns a failInfo, and of a token whether it has expired.
 *
 * INVARIANTS:
 * - Name and role are those of the token, the approval or the renewed certificate; a request that asks for others fails.
 * - A token makes one certificate. The request that it was used for may be sent again, until the token expires, and gets
 *   the same certificate: same key, same transaction.
 * - What a weak algorithm protected is served under a token that allows it, or not at all: enrolment and renewal alike.
 */
import { ENROLLED_ROLES, Mom4cError } from '@mom4c/core';
import type { Certificate, Role } from '@mom4c/core';
import { samePublicKey, ScepFault } from '@mom4c/pki';
import type { ScepPolicy, ScepRequest } from '@mom4c/pki';
import type { Enrolment } from './enrolment-store.ts';
import type { Issuing, IssuingParts } from './issuing.ts';
import type { RevocationList } from './revocation-list.ts';
import type { TokenGrant } from './token-store.ts';

type Subject = { readonly name: string; readonly role: Role };

export type PolicyParts = Pick<IssuingParts, 'domain' | 'tokens' | 'certificates' | 'enrolments' | 'log'> & {
  readonly issuing: Issuing;
  readonly revocationList: RevocationList;
  /** What becomes of a request without a token. */
  readonly withoutToken: 'refuse' | 'approval';
};

/** @param remote address of whoever asks */
export function createScepPolicy(parts: PolicyParts, remote: string): ScepPolicy {
  const { domain, tokens, certificates, enrolments, log, issuing, revocationList, withoutToken } = parts;

  const issue = async (
    request: ScepRequest,
    subject: Subject,
    spend: { token: string; grant: TokenGrant } | undefined,
  ): Promise<Uint8Array> => {
    const { publicKey, renews, transactionId, algorithms, weak } = request;
    const certificate = await withFaults(() =>
      issuing.issueMember({
        ...subject,
        publicKey,
        renews,
        settle: ({ serial }) => spend && tokens.consume(spend.token, { serial, transactionId }),
        algorithms,
        audit: {
          by: renews ? `renewal of ${renews.serial}` : 'token',
          transactionId,
          ...(weak && { legacy: true }),
        },
      }),
    );
    return certificate.der;
  };

  const enrol = async (request: ScepRequest, token: string): Promise<Uint8Array> => {
    const again = repeated(request, token);
    if (again) return again.der;
    const grant = await withFaults(async () => tokens.check(token));
    checkStrength(request, grant);
    checkSubject(request.subject, grant, domain, () =>
      told('M4C_TOKEN_INVALID', 'token of another name or role'),
    );
    return issue(request, { name: grant.name, role: grant.role }, { token, grant });
  };

  /** The certificate that this very request has got already: its answer may have been lost. */
  const repeated = (request: ScepRequest, token: string): Certificate | undefined => {
    const use = tokens.useOf(token);
    if (!use || use.transactionId !== request.transactionId) return undefined;
    const certificate = certificates.find(use.serial);
    if (!certificate || !certificates.isStanding(certificate)) return undefined;
    if (!samePublicKey(certificate.publicKey, request.publicKey)) return undefined;
    checkStrength(request, use);
    log.info({ audit: 'repeated', serial: use.serial, name: use.name, remote }, 'certificate given again');
    return certificate;
  };

  const renew = async (request: ScepRequest, current: Certificate): Promise<Uint8Array> => {
    const { name, role } = current;
    if (!certificates.isStanding(current))
      throw new ScepFault('badCertID', 'renewal signed by a revoked or unknown certificate');
    if (!ENROLLED_ROLES.some((known) => known === role))
      throw new ScepFault('badCertID', 'a role that is not renewed');
    checkSubject(
      request.subject,
      current,
      domain,
      () => new ScepFault('badRequest', 'renewal for another subject'),
    );
    const { challengePassword: token } = request;
    if (!request.weak) return issue(request, { name, role }, undefined);
    // The certificate says who renews; that it may do so in a weak way only a token says.
    const grant = token === undefined ? undefined : grantOf(token);
    checkStrength(request, grant?.name === name && grant.role === role ? grant : undefined);
    return issue(request, { name, role }, { token: token!, grant: grant! });
  };

  const grantOf = (token: string): TokenGrant | undefined => {
    try {
      return tokens.check(token);
    } catch {
      return undefined;
    }
  };

  /** @returns the certificate of an approved request; `undefined` while it waits */
  const decided = ({ state, serial, id }: Enrolment): Uint8Array | undefined => {
    if (state === 'rejected') throw told('M4C_ENROLMENT_REJECTED', `enrolment ${id} was rejected`);
    if (state === 'pending') return undefined;
    const certificate = serial === undefined ? undefined : certificates.find(serial);
    if (!certificate || !certificates.isStanding(certificate))
      throw new ScepFault('badCertID', `the certificate of enrolment ${id} is revoked`);
    return certificate.der;
  };

  /** A client that does not know CertPoll sends its request again: that counts as the same question. */
  const wait = async (request: ScepRequest): Promise<Uint8Array | undefined> => {
    if (withoutToken === 'refuse') throw told('M4C_TOKEN_INVALID', 'without a token');
    checkStrength(request, undefined);
    const known = enrolments.find(request.publicKey);
    if (known) return decided(known);
    const { id, fingerprint, subject } = await withFaults(async () => enrolments.add(request, remote));
    log.info({ audit: 'pending', id, fingerprint, subject, remote }, 'enrolment waits for approval');
    return undefined;
  };

  return {
    admitsWeak: () => tokens.isLegacyAwaited(),
    async certify(request) {
      const { renews, challengePassword } = request;
      if (renews) return renew(request, renews);
      return challengePassword === undefined || challengePassword === ''
        ? wait(request)
        : enrol(request, challengePassword);
    },
    async poll({ publicKey }) {
      const known = enrolments.find(publicKey);
      if (!known) throw new ScepFault('badCertID', 'no request with this key waits');
      return decided(known);
    },
    async crl({ serial }) {
      if (!certificates.find(serial)) throw new ScepFault('badCertID', 'a certificate that was never issued');
      return revocationList.current();
    },
  };
}

function checkStrength({ weak, algorithms }: ScepRequest, grant: TokenGrant | undefined): void {
  if (weak && !grant?.legacy)
    throw new ScepFault('badAlg', `${algorithms} without a token that allows weak algorithms`);
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

/** A fault of the stores becomes one of SCEP. */
async function withFaults<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Mom4cError)) throw error;
    const { code, detail = code } = error;
    throw TOLD.some((one) => one === code) ? told(code, detail) : new ScepFault('badRequest', detail);
  }
}

/** Codes that travel as failInfoText, so that the client can tell an expired token from an invalid one. */
const TOLD: readonly string[] = ['M4C_TOKEN_INVALID', 'M4C_TOKEN_EXPIRED', 'M4C_BUSY'];

function told(code: string, detail: string): ScepFault {
  return new ScepFault('badRequest', detail, code);
}
