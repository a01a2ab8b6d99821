// Mutation seen red: `isErrorCode(code)` replaced by `code !== undefined`; `printable` returning its text as it is;
// 'service-unavailable' removed from BY_CONDITION.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ERRORS, Mom4cError, type ErrorCode } from '@mom4c/core';
import { xml } from './element.ts';
import { errorElement, plainErrorElement, stanzaError } from './stanza-error.ts';

const NS = 'urn:ietf:params:xml:ns:xmpp-stanzas';
const OURS = 'urn:mom4c:errors:1';

const iq = (...children: Parameters<typeof xml>[2][]) => xml('iq', { type: 'error' }, ...children);

test('every error of the catalogue survives the way to a stanza and back', () => {
  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const sent = new Mom4cError(code, 'what was wrong', { correlation: 'c-1' });
    const element = errorElement(sent);
    assert.equal(element.attrs.type, ERRORS[code].type);
    assert.ok(element.getChild(ERRORS[code].condition, NS));
    assert.deepEqual(stanzaError(iq(element)).toBody(), sent.toBody());
  }
});

test('a code that we do not know is not taken over; the condition decides', () => {
  for (const code of ['M4C_NO_SUCH', 'constructor', '__proto__', '']) {
    const claimed = xml('mom4c', { xmlns: OURS, code }, xml('detail', {}, 'x'));
    const error = stanzaError(iq(xml('error', { type: 'cancel' }, xml('forbidden', { xmlns: NS }), claimed)));
    assert.equal(error.code, 'M4C_PEER');
    assert.equal(error.detail, 'forbidden');
  }
});

test('conditions without a code of ours', () => {
  const mapped = (condition: string): ErrorCode =>
    stanzaError(iq(plainErrorElement('cancel', condition))).code;
  assert.equal(mapped('service-unavailable'), 'M4C_XMPP_RECIPIENT');
  assert.equal(mapped('recipient-unavailable'), 'M4C_XMPP_RECIPIENT');
  assert.equal(mapped('remote-server-timeout'), 'M4C_XMPP_RECIPIENT');
  assert.equal(mapped('remote-server-not-found'), 'M4C_XMPP_RECIPIENT');
  assert.equal(mapped('resource-constraint'), 'M4C_BUSY');
  assert.equal(mapped('item-not-found'), 'M4C_PEER');
  assert.equal(mapped('constructor'), 'M4C_PEER');
});

test('an error without an <error/>, or with nonsense inside, is still an error', () => {
  assert.equal(stanzaError(iq()).detail, 'undefined-condition');
  assert.equal(
    stanzaError(iq(xml('error', {}, xml('text', { xmlns: NS }, 'x')))).detail,
    'undefined-condition',
  );
  assert.equal(
    stanzaError(iq(xml('error', {}, xml('a'.repeat(100), { xmlns: NS })))).detail,
    'undefined-condition',
  );
});

test('a foreign detail is bounded and cannot steer a terminal', () => {
  const detail = `\u009B31m\u202Eevil\u2028\t\n${'a'.repeat(1_000)}`;
  const claimed = xml(
    'mom4c',
    { xmlns: OURS, code: 'M4C_BUSY', correlation: 'c\n'.repeat(100) },
    xml('detail', {}, detail),
  );
  const error = stanzaError(iq(xml('error', { type: 'wait' }, claimed)));
  assert.equal(error.code, 'M4C_BUSY');
  assert.equal(error.detail?.length, 500);
  assert.equal(error.correlation?.length, 64);
  assert.doesNotMatch(error.detail + error.correlation, /[\p{Cc}\p{Cf}\u2028]/u);
});

test('our own detail can be sent whatever it holds', () => {
  const error = stanzaError(iq(errorElement(new Mom4cError('M4C_MALFORMED', 'got \u0000\uD800'))));
  assert.equal(error.detail, 'got  \uFFFD');
});
