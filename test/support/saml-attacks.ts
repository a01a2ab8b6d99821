/**
 * What may be done to the answer of an identity provider by somebody who does not have its key, but may have honest
 * answers for accounts of his own, and a key of his own. Each entry makes a whole response; the reader has to refuse it
 * with this code, whoever sends it.
 */
import { createHmac, createPublicKey } from 'node:crypto';
import type { ErrorCode } from '@mom4c/core';
import {
  assertionText,
  DS,
  ENVELOPED,
  EXCLUSIVE,
  honestResponse,
  idOf,
  instant,
  responseText,
  SAML,
  SAMLP,
  signatureText,
  signedAssertion,
  signedResponse,
  statusResponse,
  withSignature,
  type AssertionParts,
  type Claims,
  type ResponseParts,
  type SamlSigner,
  type SignatureParts,
} from './saml-forge.ts';

export type SamlTarget = {
  /** What the relying party waits for, for the one whom the attacker would like to be. */
  readonly claims: Claims;
  /** Of the identity provider; it signs what the attacker got honestly. */
  readonly idp: SamlSigner;
  /** The attacker's own. */
  readonly own: SamlSigner;
  /** As whom the attacker has an account. */
  readonly self: string;
};

export type SamlAttack = {
  readonly name: string;
  readonly code: ErrorCode;
  readonly make: (target: SamlTarget) => string;
};

const MALFORMED: ErrorCode = 'M4C_ASSERTION_MALFORMED';
const SIGNATURE: ErrorCode = 'M4C_ASSERTION_SIGNATURE';
const HOUR = 3_600_000;

const attack = (name: string, code: ErrorCode, make: SamlAttack['make']): SamlAttack => ({
  name,
  code,
  make,
});

/** What the attacker has: an honest answer to the same request, about himself. */
function gained({ claims, idp, self }: SamlTarget): {
  claims: Claims;
  assertion: string;
  signature: string;
  bare: string;
} {
  const own = { ...claims, subject: self };
  const bare = assertionText(own);
  const signature = signatureText(bare, idOf(own), idp);
  return { claims: own, bare, signature, assertion: withSignature(bare, signature) };
}

/** What he would like to be read: unsigned. @param id another one than that of the signed assertion */
function wish({ claims }: SamlTarget, id = '_evil'): string {
  return assertionText({ ...claims, assertionId: id });
}

/** Signed honestly by the identity provider, but saying what it must not say. */
function said(change: (parts: AssertionParts, claims: Claims) => void): SamlAttack['make'] {
  return ({ claims, idp }) =>
    responseText(
      claims,
      signedAssertion(claims, idp, (parts) => change(parts, claims)),
    );
}

/** Signed by the identity provider over what it says, with another form of signature. */
function signedSo(change: (parts: SignatureParts) => void): SamlAttack['make'] {
  return ({ claims, idp }) => responseText(claims, signedAssertion(claims, idp, undefined, change));
}

/** An honest assertion in an envelope that is not right. */
function answered(change: (parts: ResponseParts, claims: Claims) => void): SamlAttack['make'] {
  return ({ claims, idp }) =>
    responseText(claims, signedAssertion(claims, idp), (parts) => change(parts, claims));
}

/** An honest answer whose text was changed afterwards. */
function edited(change: (honest: string, target: SamlTarget) => string): SamlAttack['make'] {
  return (target) => change(honestResponse(target.claims, target.idp), target);
}

/** Inserts text in front of the end of an element. */
const before = (text: string, end: string, inserted: string): string => {
  const at = text.lastIndexOf(end);
  return text.slice(0, at) + inserted + text.slice(at);
};

/** A wrapped response: the attacker's around, or beside, the one that was signed as a whole. */
function responseWrapped(place: 'in the signature' | 'beside it'): SamlAttack['make'] {
  return (target) => {
    const own = { ...target.claims, subject: target.self };
    const honest = responseText(own, signedAssertion(own, target.idp));
    const signature = signatureText(honest, '_response', target.idp);
    const evil = responseText(target.claims, wish(target), (parts) => {
      parts.attributes = parts.attributes.replace('"_response"', '"_evilresponse"');
    });
    if (place === 'in the signature')
      return withSignature(evil, before(signature, '</ds:Signature>', `<ds:Object>${honest}</ds:Object>`));
    return withSignature(evil, honest + signature);
  };
}

/** The eight of Somorovsky and others, "On Breaking SAML" (USENIX Security 2012), as the tools number them. */
export const WRAPPING: readonly SamlAttack[] = [
  attack(
    'XSW1: the signed response inside of the signature of a forged one',
    SIGNATURE,
    responseWrapped('in the signature'),
  ),
  attack(
    'XSW2: the signed response beside its signature, in a forged one',
    SIGNATURE,
    responseWrapped('beside it'),
  ),
  attack('XSW3: a forged assertion in front of the signed one', MALFORMED, (target) =>
    responseText(target.claims, wish(target) + gained(target).assertion),
  ),
  attack('XSW4: the signed assertion inside of a forged one', MALFORMED, (target) =>
    responseText(target.claims, before(wish(target), '</saml:Assertion>', gained(target).assertion)),
  ),
  attack('XSW5: the signature in a forged assertion, the signed one behind it', MALFORMED, (target) => {
    const { signature, bare } = gained(target);
    return responseText(target.claims, withSignature(wish(target), signature) + bare);
  }),
  attack('XSW6: the signed assertion inside of its signature, in a forged one', MALFORMED, (target) => {
    const { signature, bare } = gained(target);
    return responseText(
      target.claims,
      withSignature(wish(target), before(signature, '</ds:Signature>', bare)),
    );
  }),
  attack('XSW7: a forged assertion with the same ID in an extension', MALFORMED, (target) =>
    responseText(
      target.claims,
      `<samlp:Extensions>${wish(target, idOf(target.claims))}</samlp:Extensions>${gained(target).assertion}`,
    ),
  ),
  attack('XSW8: the signed assertion in an Object of the signature of a forged one', MALFORMED, (target) => {
    const { signature, bare } = gained(target);
    const object = `<ds:Object>${bare}</ds:Object>`;
    return responseText(
      target.claims,
      withSignature(wish(target), before(signature, '</ds:Signature>', object)),
    );
  }),
  attack('a forged assertion in an extension, the signed one in its place', MALFORMED, (target) =>
    responseText(
      target.claims,
      `<samlp:Extensions>${wish(target)}</samlp:Extensions>${gained(target).assertion}`,
    ),
  ),
  attack('the signed assertion in an extension, a forged one in its place', MALFORMED, (target) =>
    responseText(
      target.claims,
      `<samlp:Extensions>${gained(target).assertion}</samlp:Extensions>${wish(target)}`,
    ),
  ),
  attack('the signed assertion in an extension, no other', MALFORMED, (target) =>
    responseText(target.claims, `<samlp:Extensions>${gained(target).assertion}</samlp:Extensions>`),
  ),
  attack('the signed assertion as advice in a forged one', MALFORMED, (target) =>
    responseText(
      target.claims,
      before(wish(target), '</saml:Assertion>', `<saml:Advice>${gained(target).assertion}</saml:Advice>`),
    ),
  ),
  attack('the signature of the assertion as a child of the response', SIGNATURE, (target) => {
    const { signature, bare } = gained(target);
    return responseText(target.claims, signature + bare);
  }),
  attack('a forged assertion with the ID of the signed one, and its signature', SIGNATURE, (target) =>
    responseText(target.claims, withSignature(wish(target, idOf(target.claims)), gained(target).signature)),
  ),
  attack('the same ID again as Id', MALFORMED, (target) =>
    responseText(target.claims, gained(target).assertion, (parts) => {
      parts.status = parts.status.replace('<samlp:Status>', `<samlp:Status Id="${idOf(target.claims)}">`);
    }),
  ),
  attack('the same ID again as id of another namespace', MALFORMED, (target) =>
    responseText(target.claims, gained(target).assertion, (parts) => {
      parts.status = parts.status.replace(
        '<samlp:Status>',
        `<samlp:Status xmlns:e="urn:e" e:id="${idOf(target.claims)}">`,
      );
    }),
  ),
  attack('two signatures: a forged one in front of the good one', SIGNATURE, (target) => {
    const { claims, assertion } = gained(target);
    return responseText(
      target.claims,
      withSignature(assertion, signatureText(assertionText(claims), idOf(claims), target.own)),
    );
  }),
  attack('the response signed, a forged assertion in it', SIGNATURE, (target) =>
    withSignature(
      responseText(target.claims, wish(target)),
      signatureText(responseText(gained(target).claims, gained(target).assertion), '_response', target.idp),
    ),
  ),
];

/** Who signed, over what, and how. */
export const SIGNATURES: readonly SamlAttack[] = [
  attack('unsigned', SIGNATURE, ({ claims }) => responseText(claims, assertionText(claims))),
  attack('only the response is signed', SIGNATURE, ({ claims, idp }) =>
    signedResponse(responseText(claims, assertionText(claims)), idp),
  ),
  attack('signed with another key', SIGNATURE, ({ claims, own }) => honestResponse(claims, { key: own.key })),
  attack('signed with another key, whose certificate is in KeyInfo', SIGNATURE, ({ claims, own }) =>
    honestResponse(claims, own),
  ),
  attack('the response signed with another key', SIGNATURE, ({ claims, idp, own }) =>
    signedResponse(honestResponse(claims, idp), own),
  ),
  attack('signed with SHA-1', SIGNATURE, ({ claims, idp }) =>
    honestResponse(claims, { ...idp, hash: 'sha1' }),
  ),
  attack(
    'a digest of SHA-1',
    SIGNATURE,
    signedSo((parts) => {
      parts.digestMethod = `${DS}sha1`;
    }),
  ),
  attack('HMAC with the public key of the identity provider as its secret', SIGNATURE, ({ claims, idp }) => {
    const secret = createPublicKey(idp.key).export({ type: 'spki', format: 'pem' });
    let mac = '';
    const assertion = signedAssertion(claims, idp, undefined, (parts) => {
      parts.method = `${DS}hmac-sha1`;
      mac = createHmac('sha1', secret).update(JSON.stringify(parts)).digest('base64');
    });
    return responseText(claims, assertion.replace(/<ds:SignatureValue>[^<]*</, `<ds:SignatureValue>${mac}<`));
  }),
  attack(
    'an algorithm for another kind of key',
    SIGNATURE,
    signedSo((parts) => {
      parts.method = parts.method.replace(/(rsa|ecdsa)-/, (kind) => (kind === 'rsa-' ? 'ecdsa-' : 'rsa-'));
    }),
  ),
  attack(
    'an algorithm that nobody knows',
    SIGNATURE,
    signedSo((parts) => {
      parts.method = 'constructor';
    }),
  ),
  attack(
    'the subject changed after signing',
    SIGNATURE,
    edited((honest, { claims, self }) =>
      honest.replace(`<saml:NameID>${claims.subject}`, `<saml:NameID>${self}`),
    ),
  ),
  attack(
    'the value of the signature changed',
    SIGNATURE,
    edited((honest) => honest.replace('<ds:SignatureValue>', '<ds:SignatureValue>AAAA')),
  ),
  attack(
    'the value of the signature empty',
    SIGNATURE,
    edited((honest) => honest.replace(/<ds:SignatureValue>[^<]*</, '<ds:SignatureValue><')),
  ),
  attack(
    'a second SignedInfo in front of the signed one (CVE-2025-29774)',
    SIGNATURE,
    edited((honest, { claims, own }) => {
      const forged = signatureText(assertionText(claims), idOf(claims), own);
      return honest.replace(
        '<ds:SignedInfo>',
        `${/<ds:SignedInfo>.*<\/ds:SignedInfo>/.exec(forged)![0]}<ds:SignedInfo>`,
      );
    }),
  ),
  attack(
    'a comment in the digest (CVE-2025-29775)',
    MALFORMED,
    edited((honest) => honest.replace('<ds:DigestValue>', '<ds:DigestValue><!--AAAA-->')),
  ),
  attack(
    'an element in the digest',
    SIGNATURE,
    edited((honest) => honest.replace('<ds:DigestValue>', '<ds:DigestValue><ds:X>AAAA</ds:X>')),
  ),
  attack(
    'two digests',
    SIGNATURE,
    edited((honest) =>
      honest.replace('<ds:DigestValue>', '<ds:DigestValue>AAAA</ds:DigestValue><ds:DigestValue>'),
    ),
  ),
  attack(
    'two references',
    SIGNATURE,
    signedSo((parts) => {
      parts.further = `<ds:Reference URI="${parts.uri}">${parts.transforms}<ds:DigestMethod Algorithm="${parts.digestMethod}"></ds:DigestMethod><ds:DigestValue>${parts.digest}</ds:DigestValue></ds:Reference>`;
    }),
  ),
  attack(
    'a reference to the whole document',
    SIGNATURE,
    signedSo((parts) => {
      parts.uri = '';
    }),
  ),
  attack(
    'a reference to the response, in the signature of the assertion',
    SIGNATURE,
    signedSo((parts) => {
      parts.uri = '#_response';
    }),
  ),
  attack(
    'a reference by XPointer',
    SIGNATURE,
    signedSo((parts) => {
      parts.uri = `#xpointer(id('${parts.uri.slice(1)}'))`;
    }),
  ),
  attack(
    'a reference with a quote, for whoever puts it into an XPath',
    SIGNATURE,
    signedSo((parts) => {
      parts.uri = "#' or '1'='1";
    }),
  ),
  attack('an ID with a quote', MALFORMED, ({ claims, idp }) =>
    honestResponse({ ...claims, assertionId: "x' or '1'='1" }, idp),
  ),
  attack(
    'inclusive canonicalisation',
    SIGNATURE,
    signedSo((parts) => {
      parts.transforms = parts.transforms.replace(
        EXCLUSIVE,
        'http://www.w3.org/TR/2001/REC-xml-c14n-20010315',
      );
    }),
  ),
  attack(
    'canonicalisation with comments',
    SIGNATURE,
    signedSo((parts) => {
      parts.canonicalization = parts.canonicalization.replace(EXCLUSIVE, `${EXCLUSIVE}WithComments`);
    }),
  ),
  attack(
    'a transform by XPath',
    SIGNATURE,
    signedSo((parts) => {
      parts.transforms = parts.transforms.replace(
        `<ds:Transform Algorithm="${ENVELOPED}"></ds:Transform>`,
        '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>true()</ds:XPath></ds:Transform>',
      );
    }),
  ),
  attack(
    'a transform by XSLT',
    SIGNATURE,
    signedSo((parts) => {
      parts.transforms = parts.transforms.replace(
        '</ds:Transforms>',
        '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"></ds:Transform></ds:Transforms>',
      );
    }),
  ),
  attack(
    'no transforms',
    SIGNATURE,
    signedSo((parts) => {
      parts.transforms = '';
    }),
  ),
  attack(
    'a manifest in the signature',
    SIGNATURE,
    signedSo((parts) => {
      parts.object = '<ds:Object><ds:Manifest></ds:Manifest></ds:Object>';
    }),
  ),
  attack(
    'a signature of another namespace',
    SIGNATURE,
    edited((honest) => honest.replaceAll(DS, 'http://www.w3.org/2000/09/xmldsig')),
  ),
  attack('of an issuer that is no identity provider of the federation', SIGNATURE, ({ claims, own }) =>
    honestResponse({ ...claims, issuer: 'https://idp.evil.test/' }, own),
  ),
  attack('the response of another issuer than the assertion', SIGNATURE, ({ claims, idp }) =>
    honestResponse(claims, idp).replace(
      `<saml:Issuer xmlns:saml="${SAML}">${claims.issuer}`,
      `<saml:Issuer xmlns:saml="${SAML}">https://idp.evil.test/`,
    ),
  ),
];

/** What is read must be what was signed: whatever a parser and a digest may see in different ways. */
export const MARKUP: readonly SamlAttack[] = [
  attack(
    'a document type',
    MALFORMED,
    edited((honest) => `<!DOCTYPE x>${honest}`),
  ),
  attack(
    'an entity in the NameID',
    MALFORMED,
    edited(
      (honest, { claims }) =>
        `<!DOCTYPE x [<!ENTITY e "${claims.subject}">]>${honest.replace(`<saml:NameID>${claims.subject}`, '<saml:NameID>&e;')}`,
    ),
  ),
  attack(
    'entities in entities (billion laughs)',
    MALFORMED,
    edited(
      (honest) =>
        `<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>${honest}`,
    ),
  ),
  attack(
    'an entity that nobody has declared',
    MALFORMED,
    edited((honest) => honest.replace('</saml:NameID>', '&nbsp;</saml:NameID>')),
  ),
  ...['<!---->', '<!--x-->', '<?x y?>', '<![CDATA[]]>', '<![CDATA[.evil.test]]>'].flatMap((inserted) => [
    attack(
      `${inserted} inside of the NameID`,
      MALFORMED,
      edited((honest, { claims }) =>
        honest.replace(`<saml:NameID>${claims.subject}`, `<saml:NameID>${claims.subject}${inserted}`),
      ),
    ),
    attack(
      `${inserted} in the response`,
      MALFORMED,
      edited((honest) => honest.replace('<samlp:Status>', `${inserted}<samlp:Status>`)),
    ),
  ]),
  attack(
    'an instruction in front',
    MALFORMED,
    edited((honest) => `<?xml-stylesheet href="x"?>${honest}`),
  ),
  attack(
    'a second declaration',
    MALFORMED,
    edited((honest) => `<?xml version="1.0"?><?xml version="1.0"?>${honest}`),
  ),
  attack(
    'XML 1.1',
    MALFORMED,
    edited((honest) => `<?xml version="1.1"?>${honest}`),
  ),
  attack(
    'a second root',
    MALFORMED,
    edited((honest) => honest + honest),
  ),
  attack(
    'text behind the root',
    MALFORMED,
    edited((honest) => `${honest}x`),
  ),
  attack(
    'two attributes of one name',
    MALFORMED,
    edited((honest) => honest.replace(' Version="2.0"', ' Version="2.0" Version="2.0"')),
  ),
  attack(
    'two attributes of one name under two prefixes',
    MALFORMED,
    edited((honest) =>
      honest.replace(' Version="2.0"', ' xmlns:p="urn:x" xmlns:q="urn:x" p:a="1" q:a="2" Version="2.0"'),
    ),
  ),
  attack(
    'an attribute whose name begins like a namespace',
    MALFORMED,
    edited((honest) => honest.replace(' Version="2.0"', ' xmlnsfoo="x" Version="2.0"')),
  ),
  attack(
    'a prefix that is not declared',
    MALFORMED,
    edited((honest) => honest.replace('<samlp:Status>', '<nobody:x></nobody:x><samlp:Status>')),
  ),
  attack(
    'a prefix declared as nothing',
    MALFORMED,
    edited((honest) => honest.replace('<samlp:Status>', '<samlp:Status xmlns:p="">')),
  ),
  attack(
    'the prefix xml for something else',
    MALFORMED,
    edited((honest) => honest.replace('<samlp:Status>', '<samlp:Status xmlns:xml="urn:x">')),
  ),
  attack('the elements of the assertion under the name of another namespace', MALFORMED, ({ claims, idp }) =>
    honestResponse(claims, idp).replaceAll(SAML, 'urn:oasis:names:tc:SAML:1.0:assertion'),
  ),
  attack(
    'a NUL',
    MALFORMED,
    edited((honest) => honest.replace('<saml:NameID>', '<saml:NameID>\0')),
  ),
  attack(
    'a reference to NUL',
    MALFORMED,
    edited((honest) => honest.replace('<saml:NameID>', '<saml:NameID>&#0;')),
  ),
  attack(
    'an end tag too few',
    MALFORMED,
    edited((honest) => honest.replace('</samlp:Response>', '')),
  ),
  attack(
    'an attribute without quotes',
    MALFORMED,
    edited((honest) => honest.replace(' Version="2.0"', ' Version=2.0')),
  ),
  attack(
    'deep',
    MALFORMED,
    edited((honest) =>
      honest.replace(
        '<samlp:Status>',
        `${'<samlp:x>'.repeat(5_000)}${'</samlp:x>'.repeat(5_000)}<samlp:Status>`,
      ),
    ),
  ),
  attack(
    'many elements',
    MALFORMED,
    edited((honest) => honest.replace('<samlp:Status>', `${'<samlp:x/>'.repeat(5_000)}<samlp:Status>`)),
  ),
  attack(
    'many attributes',
    MALFORMED,
    edited((honest) =>
      honest.replace(
        '<samlp:Status>',
        `<samlp:Status ${Array.from({ length: 3_000 }, (_, i) => `a${i}=""`).join(' ')}>`,
      ),
    ),
  ),
  attack(
    'huge',
    MALFORMED,
    edited((honest) =>
      honest.replace(
        '<samlp:Status>',
        `<samlp:Extensions>${'x'.repeat(1_000_000)}</samlp:Extensions><samlp:Status>`,
      ),
    ),
  ),
];

/** Of the identity provider, and signed: but not for us, not now, not to this request, or not of the one form. */
export const CLAIMS: readonly SamlAttack[] = [
  attack('no response', MALFORMED, ({ claims, idp }) => signedAssertion(claims, idp)),
  attack('another message', MALFORMED, ({ claims, idp }) =>
    honestResponse(claims, idp).replaceAll('samlp:Response', 'samlp:LogoutResponse'),
  ),
  attack('nothing at all', MALFORMED, () => ''),
  attack('no assertion', MALFORMED, ({ claims }) => responseText(claims, '')),
  attack('two assertions, both honest', MALFORMED, ({ claims, idp }) =>
    responseText(
      claims,
      signedAssertion(claims, idp) + signedAssertion({ ...claims, assertionId: '_second' }, idp),
    ),
  ),
  attack('an encrypted assertion', MALFORMED, ({ claims }) =>
    responseText(claims, `<saml:EncryptedAssertion xmlns:saml="${SAML}"></saml:EncryptedAssertion>`),
  ),
  attack('an encrypted assertion beside an honest one', MALFORMED, ({ claims, idp }) =>
    responseText(
      claims,
      `${signedAssertion(claims, idp)}<saml:EncryptedAssertion xmlns:saml="${SAML}"></saml:EncryptedAssertion>`,
    ),
  ),
  attack('the log-in has failed', 'M4C_IDP_LOGIN', ({ claims }) =>
    statusResponse(claims, [
      'urn:oasis:names:tc:SAML:2.0:status:Responder',
      'urn:oasis:names:tc:SAML:2.0:status:AuthnFailed',
    ]),
  ),
  attack('another status than success', 'M4C_IDP_ANSWER', ({ claims }) =>
    statusResponse(claims, ['urn:oasis:names:tc:SAML:2.0:status:Requester']),
  ),
  attack(
    'another status, with an honest assertion',
    'M4C_IDP_ANSWER',
    answered((parts) => {
      parts.status = parts.status.replace('status:Success', 'status:Responder');
    }),
  ),
  attack(
    'no status',
    MALFORMED,
    answered((parts) => void (parts.status = '')),
  ),
  attack(
    'a response of version 1.1',
    MALFORMED,
    answered((parts) => void (parts.attributes = parts.attributes.replace('"2.0"', '"1.1"'))),
  ),
  attack(
    'sent to another address',
    'M4C_ASSERTION_AUDIENCE',
    answered(
      (parts, { recipient }) =>
        void (parts.attributes = parts.attributes.replace(recipient, 'https://gateway.evil.test/acs')),
    ),
  ),
  attack('a signed response without a destination', MALFORMED, ({ claims, idp }) =>
    signedResponse(
      responseText(claims, signedAssertion(claims, idp), (parts) => {
        parts.attributes = parts.attributes.replace(/ Destination="[^"]*"/, '');
      }),
      idp,
    ),
  ),
  attack(
    'the response answers another request',
    'M4C_ASSERTION_REQUEST',
    answered(
      (parts) =>
        void (parts.attributes = parts.attributes.replace(/InResponseTo="[^"]*"/, 'InResponseTo="_other"')),
    ),
  ),
  attack(
    'a response from the future',
    'M4C_ASSERTION_TIME',
    answered(
      (parts, claims) =>
        void (parts.attributes = parts.attributes.replace(instant(claims), instant(claims, HOUR))),
    ),
  ),
  attack(
    'the assertion answers another request',
    'M4C_ASSERTION_REQUEST',
    said(
      (parts, { requestId }) =>
        void (parts.subject = parts.subject.replace(`InResponseTo="${requestId}"`, 'InResponseTo="_other"')),
    ),
  ),
  attack(
    'the assertion answers no request',
    'M4C_ASSERTION_REQUEST',
    said((parts) => void (parts.subject = parts.subject.replace(/ InResponseTo="[^"]*"/, ''))),
  ),
  attack(
    'another recipient',
    'M4C_ASSERTION_AUDIENCE',
    said(
      (parts, { recipient }) =>
        void (parts.subject = parts.subject.replace(recipient, 'https://gateway.evil.test/acs')),
    ),
  ),
  attack(
    'no recipient',
    MALFORMED,
    said((parts) => void (parts.subject = parts.subject.replace(/ Recipient="[^"]*"/, ''))),
  ),
  attack(
    'the confirmation has expired',
    'M4C_ASSERTION_TIME',
    said(
      (parts, claims) =>
        void (parts.subject = parts.subject.replace(
          /NotOnOrAfter="[^"]*"/,
          `NotOnOrAfter="${instant(claims, -HOUR)}"`,
        )),
    ),
  ),
  attack(
    'the confirmation has no end',
    MALFORMED,
    said((parts) => void (parts.subject = parts.subject.replace(/ NotOnOrAfter="[^"]*"/, ''))),
  ),
  attack(
    'the confirmation has a beginning',
    MALFORMED,
    said(
      (parts, claims) =>
        void (parts.subject = parts.subject.replace(
          ' NotOnOrAfter',
          ` NotBefore="${instant(claims, -HOUR)}" NotOnOrAfter`,
        )),
    ),
  ),
  attack(
    'holder of key',
    MALFORMED,
    said((parts) => void (parts.subject = parts.subject.replace('cm:bearer', 'cm:holder-of-key'))),
  ),
  attack(
    'vouched for by the sender',
    MALFORMED,
    said((parts) => void (parts.subject = parts.subject.replace('cm:bearer', 'cm:sender-vouches'))),
  ),
  attack(
    'no confirmation',
    MALFORMED,
    said(
      (parts) =>
        void (parts.subject = parts.subject.replace(
          /<saml:SubjectConfirmation .*<\/saml:SubjectConfirmation>/,
          '',
        )),
    ),
  ),
  attack(
    'two confirmations',
    MALFORMED,
    said(
      (parts) =>
        void (parts.subject = parts.subject.replace(
          /(<saml:SubjectConfirmation .*<\/saml:SubjectConfirmation>)/,
          '$1$1',
        )),
    ),
  ),
  attack(
    'no subject',
    MALFORMED,
    said((parts) => void (parts.subject = '')),
  ),
  attack(
    'two subjects',
    MALFORMED,
    said((parts) => void (parts.subject += parts.subject)),
  ),
  attack(
    'two NameIDs',
    MALFORMED,
    said(
      (parts) =>
        void (parts.subject = parts.subject.replace(
          '<saml:NameID>',
          '<saml:NameID>evil.test</saml:NameID><saml:NameID>',
        )),
    ),
  ),
  attack(
    'an element inside of the NameID',
    MALFORMED,
    said(
      (parts) =>
        void (parts.subject = parts.subject.replace('</saml:NameID>', '<saml:x></saml:x></saml:NameID>')),
    ),
  ),
  attack(
    'an empty NameID',
    MALFORMED,
    said((parts, { subject }) => void (parts.subject = parts.subject.replace(`>${subject}<`, '><'))),
  ),
  attack(
    'a NameID with white space',
    MALFORMED,
    said(
      (parts, { subject }) => void (parts.subject = parts.subject.replace(`>${subject}<`, `>${subject} <`)),
    ),
  ),
  attack(
    'a NameID with an invisible character',
    MALFORMED,
    said(
      (parts, { subject }) =>
        void (parts.subject = parts.subject.replace(`>${subject}<`, `>${subject}\u200b<`)),
    ),
  ),
  attack(
    'a NameID of a thousand characters',
    MALFORMED,
    said(
      (parts, { subject }) =>
        void (parts.subject = parts.subject.replace(`>${subject}<`, `>${'a'.repeat(1_000)}<`)),
    ),
  ),
  attack(
    'an identifier that is encrypted',
    MALFORMED,
    said(
      (parts) =>
        void (parts.subject = parts.subject.replace(
          /<saml:NameID>.*<\/saml:NameID>/,
          '<saml:EncryptedID></saml:EncryptedID>',
        )),
    ),
  ),
  attack(
    'no conditions',
    MALFORMED,
    said((parts) => void (parts.conditions = '')),
  ),
  attack(
    'expired',
    'M4C_ASSERTION_TIME',
    said(
      (parts, claims) =>
        void (parts.conditions = parts.conditions.replace(
          /NotBefore="[^"]*" NotOnOrAfter="[^"]*"/,
          `NotBefore="${instant(claims, -2 * HOUR)}" NotOnOrAfter="${instant(claims, -HOUR)}"`,
        )),
    ),
  ),
  attack(
    'not yet valid',
    'M4C_ASSERTION_TIME',
    said(
      (parts, claims) =>
        void (parts.conditions = parts.conditions.replace(
          /NotBefore="[^"]*" NotOnOrAfter="[^"]*"/,
          `NotBefore="${instant(claims, HOUR)}" NotOnOrAfter="${instant(claims, 2 * HOUR)}"`,
        )),
    ),
  ),
  attack(
    'without a beginning',
    MALFORMED,
    said((parts) => void (parts.conditions = parts.conditions.replace(/ NotBefore="[^"]*"/, ''))),
  ),
  attack(
    'without an end',
    MALFORMED,
    said((parts) => void (parts.conditions = parts.conditions.replace(/ NotOnOrAfter="[^"]*"/, ''))),
  ),
  attack(
    'times of a zone',
    MALFORMED,
    said((parts) => void (parts.conditions = parts.conditions.replace('Z"', '+00:00"'))),
  ),
  attack(
    'a day that does not exist',
    MALFORMED,
    said(
      (parts) =>
        void (parts.conditions = parts.conditions.replace(
          /NotBefore="[^"]*"/,
          'NotBefore="2025-02-30T00:00:00Z"',
        )),
    ),
  ),
  attack(
    'another audience',
    'M4C_ASSERTION_AUDIENCE',
    said(
      (parts, { audience }) =>
        void (parts.conditions = parts.conditions.replace(audience, 'https://gateway.evil.test/sp')),
    ),
  ),
  attack(
    'a further audience',
    MALFORMED,
    said(
      (parts) =>
        void (parts.conditions = parts.conditions.replace(
          '<saml:Audience>',
          '<saml:Audience>https://gateway.evil.test/sp</saml:Audience><saml:Audience>',
        )),
    ),
  ),
  attack(
    'no audience',
    MALFORMED,
    said(
      (parts) =>
        void (parts.conditions = parts.conditions.replace(
          /<saml:AudienceRestriction>.*<\/saml:AudienceRestriction>/,
          '',
        )),
    ),
  ),
  attack(
    'two restrictions of audience',
    MALFORMED,
    said(
      (parts) =>
        void (parts.conditions = parts.conditions.replace(
          /(<saml:AudienceRestriction>.*<\/saml:AudienceRestriction>)/,
          '$1$1',
        )),
    ),
  ),
  attack(
    'a condition that nobody knows',
    MALFORMED,
    said(
      (parts) =>
        void (parts.conditions = parts.conditions.replace(
          '</saml:Conditions>',
          '<saml:Condition></saml:Condition></saml:Conditions>',
        )),
    ),
  ),
  attack(
    'no log-in',
    MALFORMED,
    said((parts) => void (parts.statements = '')),
  ),
  attack(
    'a log-in without its time',
    MALFORMED,
    said((parts) => void (parts.statements = parts.statements.replace(/ AuthnInstant="[^"]*"/, ''))),
  ),
  attack(
    'a log-in in the future',
    'M4C_ASSERTION_TIME',
    said(
      (parts, claims) =>
        void (parts.statements = parts.statements.replace(
          /AuthnInstant="[^"]*"/,
          `AuthnInstant="${instant(claims, HOUR)}"`,
        )),
    ),
  ),
  attack(
    'a session that is over',
    'M4C_ASSERTION_TIME',
    said(
      (parts, claims) =>
        void (parts.statements = parts.statements.replace(
          ' SessionIndex="_session"',
          ` SessionIndex="_session" SessionNotOnOrAfter="${instant(claims, -HOUR)}"`,
        )),
    ),
  ),
  attack(
    'a decision instead of a log-in',
    MALFORMED,
    said((parts) => void (parts.statements = '<saml:AuthzDecisionStatement></saml:AuthzDecisionStatement>')),
  ),
  attack(
    'an assertion of version 1.1',
    MALFORMED,
    said((parts) => void (parts.attributes = parts.attributes.replace('"2.0"', '"1.1"'))),
  ),
  attack(
    'an assertion from the future',
    'M4C_ASSERTION_TIME',
    said(
      (parts, claims) =>
        void (parts.attributes = parts.attributes.replace(instant(claims), instant(claims, HOUR))),
    ),
  ),
  attack(
    'an issuer that is no entity',
    MALFORMED,
    said(
      (parts) =>
        void (parts.issuer = parts.issuer.replace(
          '<saml:Issuer>',
          '<saml:Issuer Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">',
        )),
    ),
  ),
  attack('an attribute twice', MALFORMED, ({ claims, idp }) => {
    const text = assertionText({ ...claims, attributes: { role: ['gateway'] } });
    const twice = text.replace(/(<saml:Attribute .*<\/saml:Attribute>)/, '$1$1');
    return responseText(claims, withSignature(twice, signatureText(twice, idOf(claims), idp)));
  }),
  attack('a thousand attributes', MALFORMED, ({ claims, idp }) =>
    honestResponse(
      { ...claims, attributes: Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`a${i}`, ['x']])) },
      idp,
    ),
  ),
  attack('an attribute that is huge', MALFORMED, ({ claims, idp }) =>
    honestResponse({ ...claims, attributes: { role: ['x'.repeat(10_000)] } }, idp),
  ),
];

export const SAML_ATTACKS: readonly SamlAttack[] = [...WRAPPING, ...SIGNATURES, ...MARKUP, ...CLAIMS];

/** A SOAP envelope around it, as ECP has it. */
export function paosAround(response: string): string {
  return `<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="${SAMLP}"><S:Body>${response}</S:Body></S:Envelope>`;
}
