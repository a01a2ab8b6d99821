// Mutations seen red, one each: any status that is no success is a refused log-in, or a wish for credentials; any HTTP status
// is; a bare Responder is neither.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpsAnswer } from './https-client.ts';
import { createIdpSession } from './idp-session.ts';
import { walkEcp, walkForms } from './idp-walk.ts';
import type { IdpCredentials } from './log-in-settings.ts';
import { fakeClock, isError } from '../test-fakes.ts';

const CONSUMER = 'https://beta.test/acs';
const ENDPOINT = new URL('https://idp.test/sso');
const { signal } = new AbortController();
const CREDENTIALS: IdpCredentials = { method: 'ecp', user: 'alpha', password: 'right' };
const trust = { kind: 'authorities', ca: undefined } as const;

/** Of SAML, by ECP. */
function says(...words: string[]): string {
  const status = words.reduceRight(
    (inside, word) =>
      `<p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:${word}">${inside}</p:StatusCode>`,
    '',
  );
  const response = `<p:Response xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol"><p:Status>${status}</p:Status></p:Response>`;
  return `<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Header><e:Response xmlns:e="urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp" S:mustUnderstand="1" S:actor="http://schemas.xmlsoap.org/soap/actor/next" AssertionConsumerServiceURL="${CONSUMER}"/></S:Header><S:Body>${response}</S:Body></S:Envelope>`;
}

function setUp() {
  let next = { status: 200, text: '' };
  let asked = 0;
  const https = (): Promise<HttpsAnswer> => {
    asked += 1;
    return Promise.resolve({ ...next, location: undefined, type: '', cookies: ['s=1; Path=/; Secure'] });
  };
  const way = { https, trust, signal, consumerUrl: CONSUMER };
  const session = createIdpSession(() => CREDENTIALS, fakeClock());
  return {
    session,
    asked: () => asked,
    answers: (status: number, text = '') => void (next = { status, text }),
    ask: () =>
      session.answer(
        ENDPOINT.origin,
        (jar, credentials) => walkEcp({ ...way, endpoint: ENDPOINT, request: '<a/>' }, jar, credentials),
        signal,
      ),
    askPages: () =>
      session.answer(
        ENDPOINT.origin,
        (jar, credentials) => walkForms({ ...way, start: ENDPOINT }, jar, credentials),
        signal,
      ),
  };
}

const NOT_OURS = [
  [200, says('Requester', 'InvalidNameIDPolicy')],
  [200, says('Responder', 'NoPassive')],
  [200, says('Responder', 'NoAuthnContext')],
  [200, says('Requester')],
  [404, ''],
] as const;

test('a request that is refused for what it asks locks nobody out, and ends no session', async () => {
  const { ask, answers, session } = setUp();
  for (const [status, text] of NOT_OURS) {
    answers(status, text);
    await assert.rejects(ask(), isError('M4C_IDP_ANSWER'), text);
    assert.equal(session.status('idp').nextTry, undefined);
  }
  answers(200, says('Success'));
  await ask();
  for (const [status, text] of [...NOT_OURS, [400, ''], [403, ''], [500, '']] as const) {
    answers(status, text);
    await assert.rejects(ask(), isError(status === 500 ? 'M4C_IDP_UNREACHABLE' : 'M4C_IDP_ANSWER'), text);
    assert.ok(session.status('idp').session, `${status} ${text}`);
  }
  answers(200, says('Success'));
  await ask();
  assert.equal(session.status('idp').logIns, 1);
});

test('refused credentials are that, and wait', async () => {
  for (const [status, text] of [
    [401, ''],
    [200, says('Responder', 'AuthnFailed')],
    [200, says('Responder')],
  ] as const) {
    const { ask, answers, session, asked } = setUp();
    answers(200, says('Success'));
    await ask();
    answers(status, text);
    await assert.rejects(ask(), isError('M4C_IDP_LOGIN', /it answers/));
    assert.equal(asked(), 3, 'first the session, then the credentials');
    assert.equal(session.status('idp').session, undefined);
    await assert.rejects(ask(), isError('M4C_IDP_LOGIN', /refused before/));
  }
});

test('a web server that wants a certificate is shown one', async () => {
  for (const status of [400, 401, 403]) {
    const { ask, askPages, answers, asked } = setUp();
    answers(200, says('Success'));
    await ask();
    answers(status);
    await assert.rejects(askPages(), isError(status === 401 ? 'M4C_IDP_LOGIN' : 'M4C_IDP_ANSWER'));
    assert.equal(asked(), 3);
  }
});
