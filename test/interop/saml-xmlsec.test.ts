// Mutation seen red: ECDSA signatures read as DER; any canonicalisation let pass to the library.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import {
  readMetadata,
  readResponse,
  writeGatewayDescriptor,
  type Expected,
  type GatewayDescriptor,
} from '@mom4c/saml';
import {
  assertionText,
  DS,
  ENVELOPED,
  EXCLUSIVE,
  honestResponse,
  idOf,
  responseText,
  withSignature,
  type Claims,
} from '../support/saml-forge.ts';
import { opensslKey, signWithXmlsec, verifiesWithXmlsec, type XmlsecKey } from '../support/xmlsec.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const MORE = 'http://www.w3.org/2001/04/xmldsig-more#';
const ENC = 'http://www.w3.org/2001/04/xmlenc#';
const INCLUSIVE = 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315';
const CLAIMS: Claims = {
  issuer: 'https://idp.test/',
  subject: 'alpha.test',
  audience: 'https://gateway.beta.test/sp',
  recipient: 'https://gateway.beta.test/acs',
  requestId: '_request',
  now: NOW,
  attributes: { role: ['gateway'], 'odd name': ['\u6f22 &amp; &lt; &#xD; "'] },
};
const rsa = opensslKey('rsa:2048');

type Form = { method: string; digest: string; transform: string; prefixes?: string };

/** What xmlsec1 fills. */
function template(id: string, { method, digest, transform, prefixes }: Form): string {
  const list =
    prefixes === undefined
      ? ''
      : `<ec:InclusiveNamespaces xmlns:ec="${EXCLUSIVE}" PrefixList="${prefixes}"/>`;
  return (
    `<ds:Signature xmlns:ds="${DS}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="${EXCLUSIVE}"/>` +
    `<ds:SignatureMethod Algorithm="${method}"/><ds:Reference URI="#${id}"><ds:Transforms><ds:Transform Algorithm="${ENVELOPED}"/>` +
    `<ds:Transform Algorithm="${transform}">${list}</ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="${digest}"/><ds:DigestValue/>` +
    `</ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature>`
  );
}

const GOOD: Form = { method: `${MORE}rsa-sha256`, digest: `${ENC}sha256`, transform: EXCLUSIVE };

function signedBy(key: XmlsecKey, form: Partial<Form> = {}, response = responseText): string {
  const assertion = withSignature(assertionText(CLAIMS), template(idOf(CLAIMS), { ...GOOD, ...form }));
  return signWithXmlsec(response(CLAIMS, assertion), key);
}

function expectedFrom({ certificatePem }: XmlsecKey): Expected {
  return {
    idps: [{ entityId: CLAIMS.issuer, signingCertificates: [certificatePem], sso: {} }],
    audience: CLAIMS.audience,
    recipients: [CLAIMS.recipient],
    requestId: CLAIMS.requestId,
    now: NOW,
    skewMs: 0,
  };
}

const refusal = (xml: string, key: XmlsecKey): string => {
  try {
    readResponse(xml, expectedFrom(key));
  } catch (thrown) {
    if (thrown instanceof Mom4cError && thrown.code === 'M4C_ASSERTION_SIGNATURE') return thrown.detail ?? '';
    throw thrown;
  }
  return assert.fail('it was accepted');
};

for (const [algorithm, kind] of [
  ['rsa:2048', 'rsa'],
  ['rsa:4096', 'rsa'],
  ['P-256', 'ecdsa'],
  ['P-384', 'ecdsa'],
  ['P-521', 'ecdsa'],
] as const)
  test(`what xmlsec1 signs with ${algorithm} is accepted`, () => {
    const key = opensslKey(algorithm);
    for (const [hash, digest] of [
      ['sha256', `${ENC}sha256`],
      ['sha384', `${MORE}sha384`],
      ['sha512', `${ENC}sha512`],
    ] as const) {
      const read = readResponse(
        signedBy(key, { method: `${MORE}${kind}-${hash}`, digest }),
        expectedFrom(key),
      );
      assert.equal(read.subject, 'alpha.test');
      assert.deepEqual(read.attributes['odd name'], ['\u6f22 & < \r "']);
    }
  });

test('namespaces of the response around it, and a list of prefixes', () => {
  const around = (prefixes: string | undefined): string =>
    signedBy(rsa, prefixes === undefined ? {} : { prefixes }, (claims, inside) =>
      responseText(
        claims,
        inside.replace('<saml:AttributeValue>', '<saml:AttributeValue xsi:type="xs:string">'),
      ).replace(
        '<samlp:Response ',
        '<samlp:Response xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ',
      ),
    );
  for (const prefixes of [undefined, 'xs', 'xs xsi', 'nobody'])
    assert.equal(readResponse(around(prefixes), expectedFrom(rsa)).subject, 'alpha.test', prefixes);
});

test('what it signs in a weaker way is refused for that', () => {
  assert.equal(readResponse(signedBy(rsa), expectedFrom(rsa)).subject, 'alpha.test', 'the honest twin');
  assert.match(refusal(signedBy(rsa, { method: `${DS}rsa-sha1` }), rsa), /algorithm of signature/);
  assert.match(refusal(signedBy(rsa, { digest: `${DS}sha1` }), rsa), /digest/);
  assert.match(refusal(signedBy(rsa, { transform: INCLUSIVE }), rsa), /canonicalisation/);
  assert.match(refusal(signedBy(rsa, { transform: `${EXCLUSIVE}WithComments` }), rsa), /canonicalisation/);
  const weak = opensslKey('rsa:1024');
  assert.match(refusal(signedBy(weak), weak), /no key/);
  const curve = opensslKey('secp256k1');
  assert.match(refusal(signedBy(curve, { method: `${MORE}ecdsa-sha256` }), curve), /no key/);
});

test('what the hand-made identity provider of the attacks signs, xmlsec1 verifies', () => {
  for (const key of [rsa, opensslKey('P-256')])
    for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
      const honest = honestResponse(CLAIMS, { key: key.key, hash });
      assert.ok(verifiesWithXmlsec(honest, key));
      assert.ok(!verifiesWithXmlsec(honest.replace('>alpha.test<', '>alphb.test<'), key));
    }
});

const gateway = (domain: string): GatewayDescriptor => ({
  domain,
  hosts: [domain, `conference.${domain}`],
  entityId: `https://gateway.${domain}/sp?a=1&b="2"`,
  certificates: [new Uint8Array(Buffer.from(rsa.certificate, 'base64'))],
  s2s: { host: '127.0.0.1', port: 5270 },
  agentUrl: `https://gateway.${domain}/agent/`,
  consumerUrls: { post: `https://gateway.${domain}/acs?a=1&b=2`, paos: `https://gateway.${domain}/paos` },
  discoveryUrl: `https://gateway.${domain}/discovered`,
});

function metadataOf(gateways: readonly GatewayDescriptor[]): string {
  return signWithXmlsec(
    `<?xml version="1.0" encoding="UTF-8"?>\n<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_m" ` +
      `validUntil="2026-03-08T12:00:00Z">${template('_m', GOOD)}\n${gateways.map(writeGatewayDescriptor).join('\n')}\n</md:EntitiesDescriptor>`,
    rsa,
  );
}

test('metadata of gateways, signed by xmlsec1, are read as they were written', () => {
  const gateways = ['alpha.test', 'beta.test'].map(gateway);
  const xml = metadataOf(gateways);
  assert.deepEqual(readMetadata(xml, { signers: [rsa.certificatePem], now: NOW }).gateways, gateways);
  assert.throws(() => readMetadata(xml.replace('5270', '5271'), { signers: [rsa.certificatePem], now: NOW }));
});

test('a federation of a thousand gateways fits', () => {
  const gateways = Array.from({ length: 1_000 }, (_, at) => gateway(`d${at}.test`));
  const read = readMetadata(metadataOf(gateways), { signers: [rsa.certificatePem], now: NOW });
  assert.equal(read.gateways.length, 1_000);
});
