// Mutations seen red: any status taken for success; the outer status told where there is an inner one; a status of any text
// told; the end of the session read from the assertion's own times.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { hintsOf } from './index.ts';

const STATUS = 'urn:oasis:names:tc:SAML:2.0:status:';
const SESSION = '2026-01-02T03:04:05Z';

function response(status: string, assertion = ''): string {
  return `<p:Response xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion"><p:Status>${status}</p:Status>${assertion}</p:Response>`;
}

const code = (value: string, inside = ''): string =>
  `<p:StatusCode Value="${value}">${inside}</p:StatusCode>`;

test('success, and until when the session lives', () => {
  const statement = `<a:AuthnStatement SessionNotOnOrAfter="${SESSION}"/>`;
  const assertion = `<a:Assertion><a:Conditions NotOnOrAfter="2026-01-01T00:00:00Z"/>${statement}</a:Assertion>`;
  assert.deepEqual(hintsOf(response(code(`${STATUS}Success`), assertion)), {
    success: true,
    status: 'Success',
    sessionUntil: Date.parse(SESSION),
  });
  assert.equal(hintsOf(response(code(`${STATUS}Success`), '<a:Assertion/>')).sessionUntil, undefined);
  assert.equal(hintsOf(response(code(`${STATUS}Success`))).sessionUntil, undefined);
});

test('the inner status says more than the outer; words of others are not told', () => {
  const failed = response(code(`${STATUS}Responder`, code(`${STATUS}AuthnFailed`)));
  assert.deepEqual(hintsOf(failed), { success: false, status: 'AuthnFailed', sessionUntil: undefined });
  const inner = response(code(`${STATUS}Responder`, code(`${STATUS}Success`)));
  assert.equal(hintsOf(inner).success, false);
  assert.equal(hintsOf(response(code('urn:example:zaphod'))).status, 'one of its own');
});

test('what is no response is an error', () => {
  for (const xml of [
    '',
    '<x/>',
    response(''),
    response(code('')),
    `<!DOCTYPE x>${response(code(`${STATUS}Success`))}`,
  ])
    assert.throws(
      () => hintsOf(xml),
      (error) => error instanceof Mom4cError && error.code === 'M4C_IDP_ANSWER',
    );
});
