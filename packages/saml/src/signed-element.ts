/**
 * A signature of the one form that is accepted: enveloped in the element that it signs, one reference to that
 * element's ID, exclusive canonicalisation, and a key that was pinned beforehand. What the document says of keys is
 * never looked at.
 *
 * INVARIANTS: what is returned are octets whose digest stands in a SignedInfo that a pinned key has signed, so that
 * nothing else of the document can matter to whoever reads only them. The form is checked before the library sees the
 * signature, because it searches some parts of it by local name, anywhere.
 */
import { createHash, verify, type KeyObject } from 'node:crypto';
import type { Document, Element } from '@xmldom/xmldom';
import { Mom4cError, type ErrorCode } from '@mom4c/core';
import { SignedXml, type SignatureAlgorithm } from 'xml-crypto';
import { attributeOf, childrenOf, isElement, mandatoryAttribute, MAX_URI, textOf } from './elements.ts';
import { NS } from './namespaces.ts';

/** A key, and what it may be used with: RSA of 2048 bits and more, or a named curve. */
export type SigningKey = { readonly kind: 'rsa' | 'ec'; readonly key: KeyObject };

type Method = { readonly kind: SigningKey['kind']; readonly hash: string };

const ENVELOPED = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature';
const MORE = 'http://www.w3.org/2001/04/xmldsig-more#';

/** RFC 9231 §2.3. */
const METHODS: ReadonlyMap<string, Method> = new Map([
  [`${MORE}rsa-sha256`, { kind: 'rsa', hash: 'sha256' }],
  [`${MORE}rsa-sha384`, { kind: 'rsa', hash: 'sha384' }],
  [`${MORE}rsa-sha512`, { kind: 'rsa', hash: 'sha512' }],
  [`${MORE}ecdsa-sha256`, { kind: 'ec', hash: 'sha256' }],
  [`${MORE}ecdsa-sha384`, { kind: 'ec', hash: 'sha384' }],
  [`${MORE}ecdsa-sha512`, { kind: 'ec', hash: 'sha512' }],
]);
const DIGESTS: ReadonlyMap<string, string> = new Map([
  ['http://www.w3.org/2001/04/xmlenc#sha256', 'sha256'],
  [`${MORE}sha384`, 'sha384'],
  ['http://www.w3.org/2001/04/xmlenc#sha512', 'sha512'],
]);

const ID = /^[A-Za-z_][A-Za-z0-9_.-]{0,255}$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const PREFIX_LIST = /^(?:#default|[A-Za-z_][A-Za-z0-9_.-]*)(?: (?:#default|[A-Za-z_][A-Za-z0-9_.-]*)){0,15}$/;
/** An RSA signature of 16,384 bits. */
const MAX_SIGNATURE_CHARACTERS = 4_096;

/** What is refused for its form, and what for its signature. */
export type SignatureCodes = { readonly malformed: ErrorCode; readonly signature: ErrorCode };

/** @returns its ID. @throws Mom4cError `code` */
export function idOf(element: Element, code: ErrorCode): string {
  const id = mandatoryAttribute(element, 'ID', 256, code);
  if (!ID.test(id)) throw new Mom4cError(code, `the ID of ${element.localName} is no NCName`);
  return id;
}

/**
 * No two elements share an ID, however the attribute is spelt: what a signature refers to is one element, for every
 * reader. @throws Mom4cError `code`
 */
export function checkIds(document: Document, code: ErrorCode): void {
  const seen = new Set<string>();
  for (const element of document.getElementsByTagName('*')) {
    const ids = new Set<string>();
    for (const { localName, value } of element.attributes)
      if (localName?.toLowerCase() === 'id') ids.add(value);
    for (const id of ids) {
      if (seen.has(id)) throw new Mom4cError(code, 'two elements have the same ID');
      seen.add(id);
    }
  }
}

/** @returns the signature of that element itself, undefined if it has none. @throws Mom4cError */
export function signatureOf(element: Element, codes: SignatureCodes): Element | undefined {
  const found = childrenOf(element, codes.malformed).filter((child) =>
    isElement(child, NS.signature, 'Signature'),
  );
  if (found.length > 1) throw new Mom4cError(codes.signature, `two signatures of ${element.localName}`);
  return found[0];
}

/**
 * @param text the document as it came, of which `element` is one with exactly one signature of its own
 * @returns the canonical octets that are signed: `element` without its signature
 * @throws Mom4cError
 */
export function verifiedOctets(
  text: string,
  element: Element,
  keys: readonly SigningKey[],
  codes: SignatureCodes,
): string {
  const signature = signatureOf(element, codes);
  if (!signature) throw new Mom4cError(codes.signature, `${element.localName} is not signed`);
  const id = idOf(element, codes.malformed);
  checkForm(signature, id, codes.signature);
  const references = signedReferences(text, signature, keys, codes.signature);
  const [octets] = references;
  if (octets === undefined || references.length !== 1)
    throw new Mom4cError(codes.signature, 'not exactly one thing is signed');
  return octets;
}

function signedReferences(
  text: string,
  signature: Element,
  keys: readonly SigningKey[],
  code: ErrorCode,
): readonly string[] {
  const [first] = keys;
  if (!first) throw new Mom4cError(code, 'there is no key to verify it with');
  const signed = new SignedXml({ publicCert: first.key, getCertFromKeyInfo: () => null });
  signed.CanonicalizationAlgorithms = only(signed.CanonicalizationAlgorithms, [NS.exclusive, ENVELOPED]);
  signed.HashAlgorithms = Object.fromEntries([...DIGESTS].map(([name, hash]) => [name, digest(name, hash)]));
  signed.SignatureAlgorithms = Object.fromEntries(
    [...METHODS].map(([name, method]) => [name, verifier(name, method, keys)]),
  );
  try {
    signed.loadSignature(signature);
    if (!signed.checkSignature(text)) throw new Error('the digest does not fit');
  } catch (cause) {
    throw new Mom4cError(code, 'the signature does not fit under a pinned key', { cause });
  }
  return signed.getSignedReferences();
}

function only<T>(all: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, all[name]!]));
}

function digest(name: string, hash: string) {
  return class {
    getAlgorithmName = (): string => name;
    getHash = (octets: string): string => createHash(hash).update(octets, 'utf8').digest('base64');
  };
}

/** Tries every pinned key of that kind; which one the library passes is not looked at. */
function verifier(name: string, { kind, hash }: Method, keys: readonly SigningKey[]) {
  return class implements SignatureAlgorithm {
    getAlgorithmName = (): string => name;
    getSignature = (): never => {
      throw new Error('this one verifies only');
    };
    verifySignature(material: string, _key: unknown, value: string): boolean {
      const octets = Buffer.from(value, 'base64');
      return keys.some(
        (pinned) =>
          pinned.kind === kind &&
          verify(
            hash,
            Buffer.from(material, 'utf8'),
            // XML Signature §6.4.3: r and s side by side
            { key: pinned.key, dsaEncoding: 'ieee-p1363' },
            octets,
          ),
      );
    }
  };
}

/** XML Signature §4, narrowed (SAML core §5.4). */
function checkForm(signature: Element, id: string, code: ErrorCode): void {
  const [signedInfo, value, keyInfo, ...others] = childrenOf(signature, code);
  expect(signedInfo, 'SignedInfo', code);
  expect(value, 'SignatureValue', code);
  if (keyInfo) expect(keyInfo, 'KeyInfo', code);
  if (others.length > 0)
    throw new Mom4cError(code, 'a signature with more than SignedInfo, value and KeyInfo');
  base64Of(value!, MAX_SIGNATURE_CHARACTERS, code);

  const [canonicalization, method, reference, ...further] = childrenOf(signedInfo!, code);
  expect(canonicalization, 'CanonicalizationMethod', code);
  expect(method, 'SignatureMethod', code);
  expect(reference, 'Reference', code);
  if (further.length > 0) throw new Mom4cError(code, 'more than one reference is signed');
  checkCanonicalization(canonicalization!, code);
  if (!METHODS.has(algorithmOf(method!, code)))
    throw new Mom4cError(code, 'an algorithm of signature that is not accepted');
  if (childrenOf(method!, code).length > 0) throw new Mom4cError(code, 'parameters of SignatureMethod');
  checkReference(reference!, id, code);
}

function checkReference(reference: Element, id: string, code: ErrorCode): void {
  if (attributeOf(reference, 'URI', MAX_URI, code) !== `#${id}`)
    throw new Mom4cError(code, 'the reference is not to the element that has the signature');
  const [transforms, method, value, ...others] = childrenOf(reference, code);
  expect(transforms, 'Transforms', code);
  expect(method, 'DigestMethod', code);
  expect(value, 'DigestValue', code);
  if (others.length > 0) throw new Mom4cError(code, 'a reference with more than it needs');
  if (!DIGESTS.has(algorithmOf(method!, code))) throw new Mom4cError(code, 'a digest that is not accepted');
  if (childrenOf(method!, code).length > 0) throw new Mom4cError(code, 'parameters of DigestMethod');
  base64Of(value!, 128, code);

  const [enveloped, canonical, ...more] = childrenOf(transforms!, code);
  expect(enveloped, 'Transform', code);
  expect(canonical, 'Transform', code);
  if (more.length > 0 || algorithmOf(enveloped!, code) !== ENVELOPED)
    throw new Mom4cError(code, 'other transforms than enveloped-signature and exclusive canonicalisation');
  if (childrenOf(enveloped!, code).length > 0) throw new Mom4cError(code, 'parameters of a transform');
  checkCanonicalization(canonical!, code);
}

/** Exclusive, without comments; a list of prefixes is allowed. */
function checkCanonicalization(element: Element, code: ErrorCode): void {
  if (algorithmOf(element, code) !== NS.exclusive)
    throw new Mom4cError(code, 'another canonicalisation than the exclusive one without comments');
  const [list, ...others] = childrenOf(element, code);
  if (!list) return;
  if (others.length > 0 || !isElement(list, NS.exclusive, 'InclusiveNamespaces'))
    throw new Mom4cError(code, 'parameters of canonicalisation that are not known');
  if (
    childrenOf(list, code).length > 0 ||
    !PREFIX_LIST.test(mandatoryAttribute(list, 'PrefixList', MAX_URI, code))
  )
    throw new Mom4cError(code, 'a list of prefixes that is none');
}

function expect(element: Element | undefined, name: string, code: ErrorCode): void {
  if (!element || !isElement(element, NS.signature, name))
    throw new Mom4cError(code, `a signature without ${name} where it belongs`);
}

function algorithmOf(element: Element, code: ErrorCode): string {
  return mandatoryAttribute(element, 'Algorithm', MAX_URI, code);
}

function base64Of(element: Element, limit: number, code: ErrorCode): void {
  if (!BASE64.test(textOf(element, limit, code).replace(/[ \t\r\n]/g, '')))
    throw new Mom4cError(code, `${element.localName} is no base64`);
}
