/**
 * An identity provider made by hand: it writes canonical text and signs it with node:crypto, so that it shares no code
 * with what reads it, and says whatever it is told to say. `honestResponse` is what a good one answers;
 * `saml-attacks.ts` has what others make of it.
 */
import { createHash, sign, type KeyObject } from 'node:crypto';

export type Claims = {
  /** Entity id of the identity provider. */
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  readonly recipient: string;
  readonly requestId: string;
  /** Milliseconds. */
  readonly now: number;
  readonly attributes?: Readonly<Record<string, readonly string[]>> | undefined;
  /** Of one answer; another one needs another. */
  readonly assertionId?: string | undefined;
};

export type SamlSigner = {
  readonly key: KeyObject;
  /** DER in base64, for KeyInfo; the reader must not look at it. */
  readonly certificate?: string | undefined;
  /** SHA-256 by default. */
  readonly hash?: 'sha1' | 'sha256' | 'sha384' | 'sha512' | undefined;
};

export const SAML = 'urn:oasis:names:tc:SAML:2.0:assertion';
export const SAMLP = 'urn:oasis:names:tc:SAML:2.0:protocol';
export const DS = 'http://www.w3.org/2000/09/xmldsig#';
export const EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#';
export const ENVELOPED = `${DS}enveloped-signature`;
const MORE = 'http://www.w3.org/2001/04/xmldsig-more#';
const BEARER = 'urn:oasis:names:tc:SAML:2.0:cm:bearer';
const SUCCESS = 'urn:oasis:names:tc:SAML:2.0:status:Success';
const DIGEST_METHODS = {
  sha1: `${DS}sha1`,
  sha256: 'http://www.w3.org/2001/04/xmlenc#sha256',
  sha384: `${MORE}sha384`,
  sha512: 'http://www.w3.org/2001/04/xmlenc#sha512',
};

const MINUTE = 60_000;

/** @param offset milliseconds after `now` */
export function instant(claims: Claims, offset = 0): string {
  return new Date(claims.now + offset).toISOString();
}

/** Pieces of an assertion in canonical form, each of which a test may replace. */
export type AssertionParts = {
  attributes: string;
  issuer: string;
  subject: string;
  conditions: string;
  statements: string;
};

export const idOf = (claims: Claims): string => claims.assertionId ?? '_assertion';

export function assertionParts(claims: Claims): AssertionParts {
  return {
    attributes: ` ID="${idOf(claims)}" IssueInstant="${instant(claims)}" Version="2.0"`,
    issuer: `<saml:Issuer>${claims.issuer}</saml:Issuer>`,
    subject:
      `<saml:Subject><saml:NameID>${claims.subject}</saml:NameID><saml:SubjectConfirmation Method="${BEARER}">` +
      `<saml:SubjectConfirmationData InResponseTo="${claims.requestId}" NotOnOrAfter="${instant(claims, 5 * MINUTE)}" ` +
      `Recipient="${claims.recipient}"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>`,
    conditions:
      `<saml:Conditions NotBefore="${instant(claims, -MINUTE)}" NotOnOrAfter="${instant(claims, 5 * MINUTE)}">` +
      `<saml:AudienceRestriction><saml:Audience>${claims.audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>`,
    statements:
      `<saml:AuthnStatement AuthnInstant="${instant(claims)}" SessionIndex="_session"><saml:AuthnContext>` +
      '<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef>' +
      `</saml:AuthnContext></saml:AuthnStatement>${attributeStatement(claims.attributes)}`,
  };
}

function attributeStatement(attributes: Claims['attributes']): string {
  if (attributes === undefined) return '';
  const written = Object.entries(attributes).map(
    ([name, values]) =>
      `<saml:Attribute Name="${name}">${values
        .map((value) => `<saml:AttributeValue>${value}</saml:AttributeValue>`)
        .join('')}</saml:Attribute>`,
  );
  return `<saml:AttributeStatement>${written.join('')}</saml:AttributeStatement>`;
}

/** Canonical, without a signature. @param change what is different from an honest one */
export function assertionText(claims: Claims, change: (parts: AssertionParts) => void = () => {}): string {
  const parts = assertionParts(claims);
  change(parts);
  const { attributes, issuer, subject, conditions, statements } = parts;
  return `<saml:Assertion xmlns:saml="${SAML}"${attributes}>${issuer}${subject}${conditions}${statements}</saml:Assertion>`;
}

/** What a signature says of itself, each part replaceable. */
export type SignatureParts = {
  canonicalization: string;
  method: string;
  uri: string;
  transforms: string;
  digestMethod: string;
  digest: string;
  /** Beside the first reference. */
  further: string;
  keyInfo: string;
  /** Behind KeyInfo. */
  object: string;
};

const transform = (algorithm: string): string => `<ds:Transform Algorithm="${algorithm}"></ds:Transform>`;

/** @param canonical what is signed. @param id what the reference names */
export function signatureText(
  canonical: string,
  id: string,
  signer: SamlSigner,
  change: (parts: SignatureParts) => void = () => {},
): string {
  const hash = signer.hash ?? 'sha256';
  const parts: SignatureParts = {
    canonicalization: `<ds:CanonicalizationMethod Algorithm="${EXCLUSIVE}"></ds:CanonicalizationMethod>`,
    method: signatureMethod(signer),
    uri: `#${id}`,
    transforms: `<ds:Transforms>${transform(ENVELOPED)}${transform(EXCLUSIVE)}</ds:Transforms>`,
    digestMethod: DIGEST_METHODS[hash],
    digest: createHash(hash).update(canonical).digest('base64'),
    further: '',
    keyInfo:
      signer.certificate === undefined
        ? ''
        : `<ds:KeyInfo><ds:X509Data><ds:X509Certificate>${signer.certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`,
    object: '',
  };
  change(parts);
  const inside =
    `${parts.canonicalization}<ds:SignatureMethod Algorithm="${parts.method}"></ds:SignatureMethod>` +
    `<ds:Reference URI="${parts.uri}">${parts.transforms}<ds:DigestMethod Algorithm="${parts.digestMethod}"></ds:DigestMethod>` +
    `<ds:DigestValue>${parts.digest}</ds:DigestValue></ds:Reference>${parts.further}`;
  const octets = Buffer.from(`<ds:SignedInfo xmlns:ds="${DS}">${inside}</ds:SignedInfo>`);
  const value = sign(hash, octets, { key: signer.key, dsaEncoding: 'ieee-p1363' }).toString('base64');
  return (
    `<ds:Signature xmlns:ds="${DS}"><ds:SignedInfo>${inside}</ds:SignedInfo>` +
    `<ds:SignatureValue>${value}</ds:SignatureValue>${parts.keyInfo}${parts.object}</ds:Signature>`
  );
}

function signatureMethod({ key, hash = 'sha256' }: SamlSigner): string {
  const kind = key.asymmetricKeyType === 'ec' ? 'ecdsa' : 'rsa';
  return hash === 'sha1'
    ? kind === 'rsa'
      ? `${DS}rsa-sha1`
      : `${MORE}ecdsa-sha1`
    : `${MORE}${kind}-${hash}`;
}

/** The signature behind the issuer, where SAML wants it. */
export function withSignature(element: string, signature: string): string {
  const end = '</saml:Issuer>';
  const at = element.indexOf(end) + end.length;
  return element.slice(0, at) + signature + element.slice(at);
}

export function signedAssertion(
  claims: Claims,
  signer: SamlSigner,
  change?: (parts: AssertionParts) => void,
  changeSignature?: (parts: SignatureParts) => void,
): string {
  const text = assertionText(claims, change);
  return withSignature(text, signatureText(text, idOf(claims), signer, changeSignature));
}

export type ResponseParts = { attributes: string; issuer: string; status: string; inside: string };

/** @param inside markup behind the status: assertions */
export function responseText(
  claims: Claims,
  inside: string,
  change: (parts: ResponseParts) => void = () => {},
): string {
  const parts: ResponseParts = {
    attributes:
      ` Destination="${claims.recipient}" ID="_response" InResponseTo="${claims.requestId}" ` +
      `IssueInstant="${instant(claims)}" Version="2.0"`,
    issuer: `<saml:Issuer xmlns:saml="${SAML}">${claims.issuer}</saml:Issuer>`,
    status: `<samlp:Status><samlp:StatusCode Value="${SUCCESS}"></samlp:StatusCode></samlp:Status>`,
    inside,
  };
  change(parts);
  return `<samlp:Response xmlns:samlp="${SAMLP}"${parts.attributes}>${parts.issuer}${parts.status}${parts.inside}</samlp:Response>`;
}

/** Assertion signed; the response, too, if so asked. */
export function honestResponse(
  claims: Claims,
  signer: SamlSigner,
  options: { signResponse?: boolean } = {},
): string {
  const response = responseText(claims, signedAssertion(claims, signer));
  return options.signResponse ? signedResponse(response, signer) : response;
}

/** @param response canonical, with the ID `_response` */
export function signedResponse(response: string, signer: SamlSigner): string {
  return withSignature(response, signatureText(response, '_response', signer));
}

/** A refusal by the identity provider. @param codes URIs of the status, the outer one first */
export function statusResponse(claims: Claims, codes: readonly [string, ...string[]]): string {
  const status = codes.reduceRight(
    (inside, code) => `<samlp:StatusCode Value="${code}">${inside}</samlp:StatusCode>`,
    '',
  );
  return responseText(claims, '', (parts) => {
    parts.status = `<samlp:Status>${status}</samlp:Status>`;
  });
}

/** Markup that declares each namespace where it is first used, in canonical form: attributes sorted, no empty tags. */
export function canonical(markup: string): string {
  const isNamespace = (attribute: string): boolean => / xmlns[:=]/.test(attribute);
  return markup.replace(
    /<([\w:]+)((?: [\w:]+="[^"]*")*)(\/?)>/g,
    (_whole, name: string, attributes: string, empty: string) => {
      const all = attributes.match(/ [\w:]+="[^"]*"/g) ?? [];
      const sorted = [
        ...all.filter(isNamespace).toSorted(),
        ...all.filter((attribute) => !isNamespace(attribute)).toSorted(),
      ];
      return `<${name}${sorted.join('')}>${empty === '/' ? `</${name}>` : ''}`;
    },
  );
}
