/** Whom the tests of responses log in, at whom, and what a good answer is. */
import type { Expected } from '@mom4c/saml';
import type { Claims } from '../support/saml-forge.ts';

export const NOW = Date.parse('2026-03-01T12:00:00Z');

export const CLAIMS: Claims = {
  issuer: 'https://idp.federation.test/metadata',
  subject: 'alpha.test',
  audience: 'https://gateway.beta.test/sp',
  recipient: 'https://gateway.beta.test/acs',
  requestId: '_request',
  now: NOW,
  attributes: { role: ['gateway'], mail: ['a@alpha.test', 'b@alpha.test'] },
};

/** @param certificates pinned for the identity provider */
export function expectedFrom(...certificates: readonly string[]): Expected {
  return {
    idps: [{ entityId: CLAIMS.issuer, signingCertificates: certificates, sso: {} }],
    audience: CLAIMS.audience,
    recipients: [CLAIMS.recipient, 'https://gateway.beta.test/paos'],
    requestId: CLAIMS.requestId,
    now: NOW,
    skewMs: 60_000,
  };
}
