/** For whom an identity provider may speak: as the configuration names it, and as its scopes in the metadata say. */
import type { IdpDescriptor } from '@mom4c/saml';
import type { Partner } from '../partner.ts';

export function mayVouch(
  { entityId, scopes }: Pick<IdpDescriptor, 'entityId' | 'scopes'>,
  { domain, identityProviders }: Pick<Partner, 'domain' | 'identityProviders'>,
): boolean {
  if (scopes && !scopes.includes(domain)) return false;
  if (!identityProviders) return true;
  return 'only' in identityProviders
    ? identityProviders.only.includes(entityId)
    : !identityProviders.allBut.includes(entityId);
}
