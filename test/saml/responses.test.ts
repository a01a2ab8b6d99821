// Mutation seen red: the signature of a response not looked at; the later of two ends taken; conditions that end a
// millisecond later.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Mom4cError } from '@mom4c/core';
import { readResponse, requestIdOf, type Expected } from '@mom4c/saml';
import {
  EXCLUSIVE,
  honestResponse,
  idOf,
  instant,
  responseText,
  signatureText,
  signedAssertion,
  signedResponse,
  assertionText,
  withSignature,
  type AssertionParts,
} from '../support/saml-forge.ts';
import { CLAIMS, expectedFrom, NOW } from './relying-party.ts';
import { testKey } from './test-keys.ts';

const idp = await testKey();
const next = await testKey();
const curve = await testKey('ec');
const expected = expectedFrom(idp.certificatePem);

const subjectOf = (xml: string, how: Expected = expected): string => readResponse(xml, how).subject;
const said = (change: (parts: AssertionParts) => void): string =>
  responseText(CLAIMS, signedAssertion(CLAIMS, idp, change));
const refuses = (xml: string, code: string, how: Expected = expected): void =>
  assert.throws(
    () => readResponse(xml, how),
    (thrown) => thrown instanceof Mom4cError && thrown.code === code,
  );

test('an honest response says all that it was told', () => {
  assert.deepEqual(readResponse(honestResponse(CLAIMS, idp), expected), {
    id: '_assertion',
    issuer: CLAIMS.issuer,
    subject: 'alpha.test',
    attributes: { role: ['gateway'], mail: ['a@alpha.test', 'b@alpha.test'] },
    sessionIndex: '_session',
    notOnOrAfter: NOW + 300_000,
  });
  assert.equal(requestIdOf(honestResponse(CLAIMS, idp)), '_request');
});

test('RSA and ECDSA, SHA-256 and more, each by the key of its kind', () => {
  for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
    assert.equal(subjectOf(honestResponse(CLAIMS, { ...idp, hash })), 'alpha.test');
    assert.equal(
      subjectOf(
        honestResponse(CLAIMS, { ...curve, hash }),
        expectedFrom(idp.certificatePem, curve.certificatePem),
      ),
      'alpha.test',
    );
  }
  refuses(honestResponse(CLAIMS, curve), 'M4C_ASSERTION_SIGNATURE');
});

test('any of the keys that are pinned, as PEM or as metadata have them, and no other', () => {
  const both = expectedFrom(idp.certificate, next.certificatePem);
  assert.equal(subjectOf(honestResponse(CLAIMS, idp), both), 'alpha.test');
  assert.equal(subjectOf(honestResponse(CLAIMS, next), both), 'alpha.test');
  refuses(honestResponse(CLAIMS, next), 'M4C_ASSERTION_SIGNATURE');
  refuses(honestResponse(CLAIMS, idp), 'M4C_ASSERTION_SIGNATURE', expectedFrom());
  refuses(honestResponse(CLAIMS, idp), 'M4C_ASSERTION_SIGNATURE', expectedFrom('no certificate'));
});

test('the keys of another identity provider of the federation do not count', () => {
  const two: Expected = {
    ...expected,
    idps: [
      ...expected.idps,
      { entityId: 'https://idp.other.test/', signingCertificates: [next.certificatePem], sso: {} },
    ],
  };
  assert.equal(
    subjectOf(honestResponse({ ...CLAIMS, issuer: 'https://idp.other.test/' }, next), two),
    'alpha.test',
  );
  refuses(honestResponse(CLAIMS, next), 'M4C_ASSERTION_SIGNATURE', two);
  refuses(
    honestResponse({ ...CLAIMS, issuer: 'https://idp.other.test/' }, idp),
    'M4C_ASSERTION_SIGNATURE',
    two,
  );
});

test('a response that is signed as well, with KeyInfo and without', () => {
  assert.equal(subjectOf(honestResponse(CLAIMS, idp, { signResponse: true })), 'alpha.test');
  assert.equal(subjectOf(honestResponse(CLAIMS, { key: idp.key }, { signResponse: true })), 'alpha.test');
});

test('of a signed response only what is signed counts', () => {
  const honest = honestResponse(CLAIMS, idp, { signResponse: true });
  for (const [from, to] of [
    ['status:Success', 'status:Responder'],
    ['InResponseTo="_request"', 'InResponseTo="_other"'],
    [`Destination="${CLAIMS.recipient}"`, 'Destination="https://gateway.beta.test/paos"'],
  ] as const)
    refuses(honest.replace(from, to), 'M4C_ASSERTION_SIGNATURE');
});

test('a list of prefixes, as OpenSAML writes it', () => {
  const canonical = assertionText(CLAIMS).replace(
    '<saml:Assertion xmlns:saml=',
    '<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:xs="http://www.w3.org/2001/XMLSchema" hold=',
  );
  const text = canonical.replace(' hold="urn:oasis:names:tc:SAML:2.0:assertion"', '');
  const signature = signatureText(text, idOf(CLAIMS), idp, (parts) => {
    parts.transforms = parts.transforms.replace(
      `${EXCLUSIVE}"></ds:Transform>`,
      `${EXCLUSIVE}"><ec:InclusiveNamespaces xmlns:ec="${EXCLUSIVE}" PrefixList="xs"></ec:InclusiveNamespaces></ds:Transform>`,
    );
  });
  assert.equal(subjectOf(responseText(CLAIMS, withSignature(text, signature))), 'alpha.test');
});

test('what an assertion may have and need not', () => {
  const changes: readonly ((parts: AssertionParts) => void)[] = [
    (parts) =>
      void (parts.conditions = parts.conditions.replace(
        '</saml:Conditions>',
        '<saml:OneTimeUse></saml:OneTimeUse></saml:Conditions>',
      )),
    (parts) =>
      void (parts.issuer = parts.issuer.replace(
        '<saml:Issuer>',
        '<saml:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">',
      )),
    (parts) =>
      void (parts.subject = parts.subject.replace(
        '<saml:NameID>',
        '<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" SPNameQualifier="x">',
      )),
    (parts) =>
      void (parts.subject = parts.subject.replace(
        'SubjectConfirmationData ',
        'SubjectConfirmationData Address="192.0.2.1" ',
      )),
    (parts) =>
      void (parts.statements = parts.statements.replace(
        'SessionIndex="_session"',
        `SessionIndex="_session" SessionNotOnOrAfter="${instant(CLAIMS, 3_600_000)}"`,
      )),
  ];
  for (const change of changes) assert.equal(subjectOf(said(change)), 'alpha.test');
  const plain = readResponse(
    responseText(
      { ...CLAIMS, attributes: undefined },
      signedAssertion({ ...CLAIMS, attributes: undefined }, idp),
    ),
    expected,
  );
  assert.deepEqual(plain.attributes, {});
});

test('a value with elements inside is left out, the text beside it is not', () => {
  const xml = said((parts) => {
    parts.statements = parts.statements.replace(
      '<saml:AttributeValue>gateway<',
      '<saml:AttributeValue><saml:NameID>x</saml:NameID></saml:AttributeValue><saml:AttributeValue>gateway<',
    );
  });
  assert.deepEqual(readResponse(xml, expected).attributes['role'], ['gateway']);
});

test('names of attributes reach no prototype', () => {
  const xml = honestResponse({ ...CLAIMS, attributes: { ['__proto__']: ['x'], role: ['y'] } }, idp);
  const { attributes } = readResponse(xml, expected);
  assert.deepEqual(Object.keys(attributes), ['__proto__', 'role']);
  assert.equal(Object.getPrototypeOf(attributes), Object.prototype);
});

test('to the millisecond: valid within the skew, and not beyond', () => {
  const at = (offset: number): Expected => ({ ...expected, now: NOW + offset });
  // NotBefore is a minute ago, both ends in five minutes, the skew is a minute; issued now.
  assert.equal(subjectOf(honestResponse(CLAIMS, idp), at(360_000 - 1)), 'alpha.test');
  refuses(honestResponse(CLAIMS, idp), 'M4C_ASSERTION_TIME', at(360_000));
  assert.equal(subjectOf(honestResponse(CLAIMS, idp), at(-60_000)), 'alpha.test');
  refuses(honestResponse(CLAIMS, idp), 'M4C_ASSERTION_TIME', at(-60_001));
});

test('it is over as soon as the first of its ends is', () => {
  const sooner = instant(CLAIMS, 120_000);
  const ends = 120_000 + 60_000;
  for (const part of ['subject', 'conditions'] as const) {
    const xml = said((parts) => {
      parts[part] = parts[part].replace(/NotOnOrAfter="[^"]*"/, `NotOnOrAfter="${sooner}"`);
    });
    assert.equal(readResponse(xml, expected).notOnOrAfter, NOW + 120_000);
    assert.equal(subjectOf(xml, { ...expected, now: NOW + ends - 1 }), 'alpha.test');
    refuses(xml, 'M4C_ASSERTION_TIME', { ...expected, now: NOW + ends });
  }
});

test('a response that answers nothing is of no use to anybody', () => {
  const honest = honestResponse(CLAIMS, idp);
  const unasked = honest.replace(/ InResponseTo="_request" IssueInstant/, ' IssueInstant');
  assert.notEqual(unasked, honest);
  assert.throws(
    () => requestIdOf(unasked),
    (thrown) => thrown instanceof Mom4cError && thrown.code === 'M4C_ASSERTION_REQUEST',
  );
});

test('whatever is changed in a signed assertion, it is refused, or says what was signed', () => {
  const honest = signedResponse(responseText(CLAIMS, signedAssertion(CLAIMS, idp)), idp);
  const said = JSON.stringify(readResponse(honest, expected));
  fc.assert(
    fc.property(
      fc.nat(honest.length - 1),
      fc.nat(12),
      fc.oneof(
        fc.string({ maxLength: 12 }),
        fc.constantFrom('<!---->', '<?a?>', '&#x20;', '<b/>', '"', ' ', ''),
      ),
      (at, length, inserted) => {
        const changed = honest.slice(0, at) + inserted + honest.slice(at + length);
        let read: string;
        try {
          read = JSON.stringify(readResponse(changed, expected));
        } catch (thrown) {
          assert.ok(
            thrown instanceof Mom4cError && /^M4C_(ASSERTION|IDP)_/.test(thrown.code),
            String(thrown),
          );
          return;
        }
        assert.equal(read, said);
      },
    ),
    { numRuns: 300 },
  );
});
