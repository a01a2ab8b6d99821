/** What roles of all kinds have: who the entity is, how long it is good, its keys. */
import type { Element } from '@xmldom/xmldom';
import { Mom4cError, type ErrorCode } from '@mom4c/core';
import {
  attributeOf,
  childrenNamed,
  exactlyOne,
  mandatoryAttribute,
  MAX_URI,
  textOf,
  timeOf,
} from './elements.ts';
import { NS } from './namespaces.ts';
import { MAX_CERTIFICATE_CHARACTERS, signingKey } from './signing-key.ts';

const CODE: ErrorCode = 'M4C_METADATA';
const MAX_CERTIFICATES = 8;

export function entityIdOf(entity: Element): string {
  return mandatoryAttribute(entity, 'entityID', MAX_URI, CODE);
}

/** Of an entity, or of a role of it. */
export function isValid(element: Element, now: number): boolean {
  return endOf(element) > now;
}

/** When the first of them ends, where one says so. */
export function endOfAll(...elements: readonly Element[]): { validUntil?: number } {
  const validUntil = Math.min(...elements.map(endOf));
  return Number.isFinite(validUntil) ? { validUntil } : {};
}

function endOf(element: Element): number {
  return timeOf(element, 'validUntil', CODE) ?? Number.POSITIVE_INFINITY;
}

/** The role of that name, if it speaks SAML 2.0 and has not expired. */
export function roleOf(entity: Element, name: string, now: number): Element | undefined {
  return childrenNamed(entity, NS.metadata, name, CODE).find(
    (role) =>
      mandatoryAttribute(role, 'protocolSupportEnumeration', MAX_URI, CODE)
        .split(/[ \t\r\n]+/)
        .includes(NS.protocol) && isValid(role, now),
  );
}

/** Base64 without white space, for signing or for everything, each once. */
export function certificatesOf(role: Element): readonly string[] {
  const found = new Set<string>();
  for (const key of childrenNamed(role, NS.metadata, 'KeyDescriptor', CODE)) {
    if ((attributeOf(key, 'use', 16, CODE) ?? 'signing') !== 'signing') continue;
    const info = exactlyOne(key, NS.signature, 'KeyInfo', CODE);
    for (const data of childrenNamed(info, NS.signature, 'X509Data', CODE))
      for (const certificate of childrenNamed(data, NS.signature, 'X509Certificate', CODE))
        found.add(textOf(certificate, MAX_CERTIFICATE_CHARACTERS, CODE).replace(/[ \t\r\n]/g, ''));
  }
  if (found.size > MAX_CERTIFICATES)
    throw new Mom4cError(CODE, `more than ${MAX_CERTIFICATES} keys of one entity`);
  return [...found];
}

export function isUsable(certificate: string): boolean {
  try {
    signingKey(certificate);
    return true;
  } catch {
    return false;
  }
}
