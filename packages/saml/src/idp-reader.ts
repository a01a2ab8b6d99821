/** An identity provider of the metadata, and for which domains it may speak. */
import type { Element } from '@xmldom/xmldom';
import type { ErrorCode } from '@mom4c/core';
import type { IdpDescriptor } from './descriptors.ts';
import { atMostOne, attributeOf, childrenNamed, mandatoryAttribute, MAX_URI, textOf } from './elements.ts';
import { certificatesOf, endOfAll, entityIdOf, isUsable } from './metadata-roles.ts';
import { BINDING, NS } from './namespaces.ts';
import { isHttpsUrl } from './urls.ts';

const CODE: ErrorCode = 'M4C_METADATA';

/** @returns why it cannot be used, if so: one old entity shall not cost a federation all others */
export function idpOf(entity: Element, role: Element): IdpDescriptor | string {
  const signingCertificates = certificatesOf(role).filter(isUsable);
  const sso: { redirect?: string; post?: string; soap?: string } = {};
  for (const service of childrenNamed(role, NS.metadata, 'SingleSignOnService', CODE)) {
    const binding = bindingName(attributeOf(service, 'Binding', MAX_URI, CODE));
    const location = mandatoryAttribute(service, 'Location', MAX_URI, CODE);
    if (binding !== undefined && isHttpsUrl(location)) sso[binding] ??= location;
  }
  if (signingCertificates.length === 0) return 'no key for signing that is accepted';
  if (Object.keys(sso).length === 0)
    return 'no single sign-on service over https with a binding that is known';
  return {
    entityId: entityIdOf(entity),
    signingCertificates,
    sso,
    ...scopesOf(entity, role),
    ...endOfAll(entity, role),
  };
}

function bindingName(binding: string | undefined): 'redirect' | 'post' | 'soap' | undefined {
  if (binding === BINDING.redirect) return 'redirect';
  if (binding === BINDING.post) return 'post';
  return binding === BINDING.soap ? 'soap' : undefined;
}

/** Shibboleth's metadata extension, of the role or of the whole entity. A pattern (`regexp`) allows nothing here: an
 *  identity provider that has no other scope speaks for nobody. */
function scopesOf(entity: Element, role: Element): { scopes?: readonly string[] } {
  const scopes = [entity, role].flatMap((element) => {
    const extensions = atMostOne(element, NS.metadata, 'Extensions', CODE);
    return extensions ? childrenNamed(extensions, NS.scope, 'Scope', CODE) : [];
  });
  if (scopes.length === 0) return {};
  const plain = scopes.filter((scope) =>
    ['false', '0'].includes(attributeOf(scope, 'regexp', 16, CODE) ?? 'false'),
  );
  return { scopes: plain.map((scope) => textOf(scope, MAX_URI, CODE).trim().toLowerCase()) };
}
