/** What an identity provider, a partner or anybody else sends to an authentication agent. */
import {
  readAuthnRequest,
  readForms,
  readIdpAnswer,
  readMetadata,
  readPaosRequest,
  readPaosResponse,
  readRedirect,
  readResponse,
  redirectUrl,
  requestIdOf,
  writeAuthnRequest,
  writeGatewayDescriptor,
  writeIdpRequest,
  writePaosRequest,
  writePaosResponse,
  type Expected,
  type GatewayDescriptor,
} from '@mom4c/saml';
import { Mom4cError, type ErrorCode } from '@mom4c/core';
import { readAssertion } from '../../../packages/saml/src/assertion.ts';
import {
  assertionText,
  canonical,
  honestResponse,
  signatureText,
  type Claims,
  type SamlSigner,
} from '../../support/saml-forge.ts';
import { NOW } from '../constants.ts';
import { keyOf, octetsOf } from '../corpus.ts';
import { Finding, type Target } from '../target.ts';
import { verdictOf } from '../verdict.ts';

/** RSA: what it signs follows from the input alone. */
const idp: SamlSigner = {
  key: keyOf('authority'),
  certificate: octetsOf('certificate authority').toString('base64'),
};
const claims: Claims = {
  issuer: 'https://idp.test/',
  subject: 'alpha.test',
  audience: 'https://gateway.beta.test/sp',
  recipient: 'https://gateway.beta.test/acs',
  requestId: '_request',
  now: NOW,
  attributes: { role: ['gateway', '\u6f22 &amp;'] },
};
const expected: Expected = {
  idps: [{ entityId: claims.issuer, signingCertificates: [idp.certificate!], sso: {} }],
  audience: claims.audience,
  recipients: [claims.recipient],
  requestId: claims.requestId,
  now: NOW,
  skewMs: 60_000,
};
const RESPONSE_CODES: readonly ErrorCode[] = [
  'M4C_ASSERTION_MALFORMED',
  'M4C_ASSERTION_SIGNATURE',
  'M4C_ASSERTION_TIME',
  'M4C_ASSERTION_AUDIENCE',
  'M4C_ASSERTION_REQUEST',
  'M4C_IDP_LOGIN',
  'M4C_IDP_ANSWER',
];
const RESPONSES = [honestResponse(claims, idp), honestResponse(claims, idp, { signResponse: true })];
const HONEST = JSON.stringify(readResponse(RESPONSES[0]!, expected));

const octets = (text: string): Buffer => Buffer.from(text, 'utf8');
const text = (input: Uint8Array): string => Buffer.from(input).toString('utf8');

export const samlResponse: Target = {
  name: 'saml-response',
  grammar: 'xml',
  weight: 4,
  seeds: RESPONSES.map(octets),
  run: (input) =>
    verdictOf(() => {
      const read = JSON.stringify(readResponse(text(input), expected));
      if (read !== HONEST) throw new Finding(`read, but not signed: ${read}`);
      requestIdOf(text(input));
    }, RESPONSE_CODES),
};

/** Behind the signature: what an identity provider in wrong hands may sign. */
export const samlAssertion: Target = {
  name: 'saml-assertion',
  grammar: 'xml',
  weight: 8,
  seeds: [octets(assertionText(claims)), octets(assertionText({ ...claims, attributes: undefined }))],
  run: (input) =>
    verdictOf(() => {
      const { subject, issuer, attributes } = readAssertion(text(input), claims.issuer, expected);
      if (subject.length > 256 || subject.trim() !== subject || subject === '')
        throw new Finding(`a subject out of bounds: ${subject}`);
      if (issuer !== claims.issuer) throw new Finding(`another issuer: ${issuer}`);
      if (Object.values(attributes).flat().length > 64 * 64) throw new Finding('more values than allowed');
    }, RESPONSE_CODES),
};

const gateway = (domain: string): GatewayDescriptor => ({
  domain,
  hosts: [domain, `conference.${domain}`],
  entityId: `https://gateway.${domain}/sp`,
  certificates: [octetsOf('certificate authority'), octetsOf('certificate cm1')],
  s2s: { host: '127.0.0.1', port: 5270 },
  agentUrl: `https://gateway.${domain}/agent/`,
  consumerUrls: { post: `https://gateway.${domain}/acs`, paos: `https://gateway.${domain}/paos` },
  discoveryUrl: `https://gateway.${domain}/discovered`,
});
const METADATA = 'urn:oasis:names:tc:SAML:2.0:metadata';
const IDP =
  `<md:EntityDescriptor entityID="https://idp.test/"><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
  `<md:KeyDescriptor><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>${idp.certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>` +
  `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="https://idp.test/ecp"></md:SingleSignOnService></md:IDPSSODescriptor></md:EntityDescriptor>`;
const entity = (descriptor: GatewayDescriptor): string =>
  canonical(writeGatewayDescriptor(descriptor)).replace(` xmlns:md="${METADATA}"`, '');

/** Signed anew after each change, as whoever runs a federation does it for its members: the input stands in the aggregate. */
export const samlMetadata: Target = {
  name: 'saml-metadata',
  grammar: 'xml',
  weight: 3,
  seeds: [octets(IDP + entity(gateway('alpha.test'))), octets(entity(gateway('beta.test')) + IDP)],
  run: (input) =>
    verdictOf(() => {
      const validUntil = new Date(NOW + 86_400_000).toISOString();
      const start = `<md:EntitiesDescriptor xmlns:md="${METADATA}" ID="_m" validUntil="${validUntil}">`;
      const end = `${text(input)}</md:EntitiesDescriptor>`;
      const xml = start + signatureText(start + end, '_m', idp) + end;
      const { idps, gateways } = readMetadata(xml, { signers: [pemOf(idp)], now: NOW });
      for (const { sso } of idps)
        for (const url of Object.values(sso))
          if (!url?.startsWith('https://')) throw new Finding(`not https: ${url}`);
      for (const { agentUrl, certificates } of gateways)
        if (!agentUrl.startsWith('https://') || certificates.length === 0)
          throw new Finding('half a gateway');
    }, ['M4C_METADATA']),
};

function pemOf({ certificate }: SamlSigner): string {
  return `-----BEGIN CERTIFICATE-----\n${certificate}\n-----END CERTIFICATE-----\n`;
}

const REQUEST = writeAuthnRequest({
  id: '_request',
  issueInstant: NOW,
  issuer: claims.audience,
  destination: 'https://idp.test/ecp',
  consumerUrl: claims.recipient,
  binding: 'paos',
});
const OFFER = { request: REQUEST, consumerUrl: claims.recipient, issuer: claims.audience, relayState: 'r' };
const ENVELOPE_CODES: readonly ErrorCode[] = ['M4C_IDP_ANSWER', 'M4C_ASSERTION_MALFORMED'];

export const samlEnvelope: Target = {
  name: 'saml-envelope',
  grammar: 'xml',
  weight: 6,
  seeds: [writePaosRequest(OFFER), writePaosRequest({ ...OFFER, relayState: undefined })].map(octets),
  run: (input) =>
    verdictOf(() => {
      const { request, relayState } = readPaosRequest(text(input));
      // What is handed on is a document of its own that says the same.
      const again = readPaosRequest(writePaosRequest({ ...OFFER, request, relayState }));
      if (again.relayState !== relayState) throw new Finding('the relay state became another one');
      const direct = said(() => JSON.stringify(readAuthnRequest(request)));
      if (said(() => JSON.stringify(readAuthnRequest(again.request))) !== direct)
        throw new Finding('the request became another one');
      writeIdpRequest(request);
    }, ENVELOPE_CODES),
};

export const samlAnswer: Target = {
  name: 'saml-answer',
  grammar: 'xml',
  weight: 4,
  seeds: RESPONSES.map((response) => octets(writePaosResponse({ response, relayState: 'r' }))),
  run: (input) =>
    verdictOf(() => {
      const { response } = readPaosResponse(text(input));
      const read = said(() => JSON.stringify(readResponse(response, expected)));
      if (read !== undefined && read !== HONEST) throw new Finding(`read, but not signed: ${read}`);
      said(() => readIdpAnswer(text(input)).consumerUrl);
    }, ENVELOPE_CODES),
};

/** @returns undefined if it was refused */
function said(work: () => string): string | undefined {
  let what: string | undefined;
  const keep = (): void => {
    what = work();
  };
  return verdictOf(keep, [...RESPONSE_CODES, ...ENVELOPE_CODES]) === 'accepted' ? what : undefined;
}

export const samlRedirect: Target = {
  name: 'saml-redirect',
  grammar: 'text',
  weight: 6,
  seeds: ['https://idp.test/sso', 'https://idp.test/sso?a=1'].map((sso) =>
    octets(redirectUrl(sso, REQUEST, 'r')),
  ),
  run: (input) =>
    verdictOf(() => {
      const { sso, request } = readRedirect(text(input));
      if (!sso.startsWith('https://')) throw new Finding(`to ${sso}`);
      said(() => readAuthnRequest(request).id);
    }, ENVELOPE_CODES),
};

const PAGE =
  '<!DOCTYPE html><html><body onload="x"><form method="post" action="https://b.test/acs?a=1&amp;b=2"><table><tr>' +
  '<input type="hidden" name="SAMLResponse" value="PD94"/><input name=RelayState value=r></table></form>' +
  '<form action="?"><input name="username"><input type=password name=password><button name=s value=1>Log in</button></form>';

export const htmlForms: Target = {
  name: 'html-forms',
  grammar: 'xml',
  weight: 8,
  seeds: [octets(PAGE)],
  run: (input) =>
    verdictOf(() => {
      const forms = readForms(text(input));
      // A page is of use for its form only.
      if (forms.length === 0) throw new Mom4cError('M4C_IDP_ANSWER');
      for (const { method, fields } of forms) {
        if (method !== 'get' && method !== 'post') throw new Finding(`method ${method}`);
        if (Object.keys(fields).length > 65) throw new Finding('more fields than allowed');
      }
    }, ['M4C_IDP_ANSWER']),
  costly: ['<b>', '<a>', '<b><p>', '<table><b>', '<i a=', '<form>', '<option><select>', '&amp;'].map(
    (part) => (size) => octets(part.repeat(Math.ceil(size / part.length))),
  ),
};
