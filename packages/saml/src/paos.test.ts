// Mutation seen red: namespaces of the envelope left out; those of farther away on top of nearer ones; two messages in a
// body let pass; any service let pass.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { readAuthnRequest, writeAuthnRequest } from './authn-request.ts';
import {
  readIdpAnswer,
  readPaosRequest,
  readPaosResponse,
  writeIdpRequest,
  writePaosRequest,
  writePaosResponse,
} from './paos.ts';
import { readEnvelope } from './soap.ts';

const SAMLP = 'urn:oasis:names:tc:SAML:2.0:protocol';
const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/';
const ECP = 'urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp';
const request = writeAuthnRequest({
  id: '_a',
  issueInstant: 0,
  issuer: 'https://gateway.beta.test/sp',
  destination: 'https://idp.test/ecp',
  consumerUrl: 'https://gateway.beta.test/paos',
  binding: 'paos',
});
const OFFER = {
  request,
  consumerUrl: 'https://gateway.beta.test/paos',
  issuer: 'https://gateway.beta.test/sp',
  relayState: 'a<&>"',
};
const isCode = (code: string) => (thrown: unknown) => thrown instanceof Mom4cError && thrown.code === code;

/** Less what it had from around it. */
const alone = (message: string): string => message.replace(` xmlns:S="${SOAP}"`, '');

test('the request of a relying party, and what the agent passes on of it', () => {
  for (const relayState of [OFFER.relayState, undefined]) {
    const read = readPaosRequest(writePaosRequest({ ...OFFER, relayState }));
    assert.deepEqual({ ...read, request: alone(read.request) }, { ...OFFER, relayState });
    assert.deepEqual(readAuthnRequest(read.request), readAuthnRequest(request));
  }
  const passedOn = readEnvelope(writeIdpRequest(request), SAMLP, 'AuthnRequest', 'M4C_IDP_ANSWER');
  assert.equal(passedOn.header, undefined);
  assert.equal(alone(passedOn.messageText), request);
});

test('the answer goes back as it came, with the namespaces that it had from around it', () => {
  const own = `<samlp:Response xmlns:samlp="${SAMLP}" ID="_r" ><samlp:x>\n&#xe9;</samlp:x></samlp:Response>`;
  const answer = (message: string): string =>
    `<?xml version="1.0"?>\n<S:Envelope xmlns:S="${SOAP}" xmlns:samlp="${SAMLP}" xmlns:xs="urn:xs">` +
    `<S:Header xmlns:samlp="urn:other"><ecp:Response xmlns:ecp="${ECP}" AssertionConsumerServiceURL="https://c/"/></S:Header>` +
    `<S:Body xmlns:xs="urn:nearer">${message}</S:Body></S:Envelope>`;
  const read = readIdpAnswer(answer(own));
  assert.equal(read.consumerUrl, 'https://c/');
  assert.equal(
    read.response,
    own.replace('<samlp:Response', `<samlp:Response xmlns:xs="urn:nearer" xmlns:S="${SOAP}"`),
  );
  const borrowed = readIdpAnswer(answer('<samlp:Response a="1"/>')).response;
  assert.equal(
    borrowed,
    `<samlp:Response xmlns:xs="urn:nearer" xmlns:S="${SOAP}" xmlns:samlp="${SAMLP}" a="1"/>`,
  );
  const posted = writePaosResponse({ response: own, relayState: 'r' });
  const arrived = readPaosResponse(posted);
  assert.equal(arrived.relayState, 'r');
  assert.equal(alone(arrived.response), own);
});

test('envelopes of another form are refused', () => {
  const honest = writePaosRequest(OFFER);
  for (const [from, to] of [
    ['responseConsumerURL', 'other'],
    [/<ecp:Request.*<\/ecp:Request>/, ''],
    [/<paos:Request[^>]*\/>/, ''],
    [/(<paos:Request[^>]*\/>)/, '$1$1'],
    [`service="${ECP}"`, 'service="urn:other"'],
    ['a&lt;&amp;&gt;&quot;', 'x'.repeat(81)],
    ['</S:Body>', '<a xmlns="urn:a"/></S:Body>'],
    ['</S:Body>', '</S:Body><S:Body/>'],
    ['</S:Body>', '</S:Body><S:Other/>'],
    [/<S:Body>.*<\/S:Body>/, '<S:Body/>'],
    [/<S:Body>.*<\/S:Body>/, ''],
    [SOAP, 'http://www.w3.org/2003/05/soap-envelope'],
  ] as const) {
    const changed = honest.replace(from, to);
    assert.notEqual(changed, honest);
    assert.throws(() => readPaosRequest(changed), isCode('M4C_IDP_ANSWER'), String(from));
  }
  assert.throws(() => readPaosResponse(honest), isCode('M4C_ASSERTION_MALFORMED'), 'no response');
  assert.throws(
    () => readIdpAnswer(writePaosResponse({ response: `<a xmlns="${SAMLP}"/>`, relayState: undefined })),
    isCode('M4C_IDP_ANSWER'),
  );
  const fault = `<S:Envelope xmlns:S="${SOAP}"><S:Body><S:Fault/></S:Body></S:Envelope>`;
  assert.throws(() => readIdpAnswer(fault), isCode('M4C_IDP_ANSWER'));
});
