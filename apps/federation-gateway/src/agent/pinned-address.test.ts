// Mutations seen red: the origin not compared; the path not compared, below or at a place; a user allowed; a fragment allowed;
// encoded dots and slashes allowed; no limit of length; the very text not compared.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { at, below, same } from './pinned-address.ts';
import { isError } from '../test-fakes.ts';

const AGENT = 'https://gateway.beta.test:8443/saml/log-in/';
const refused = isError('M4C_AGENT_ADDRESS');

test('an address below the pinned one is taken', () => {
  assert.equal(below(AGENT, `${AGENT}abc`, 'x').href, `${AGENT}abc`);
  assert.equal(below(AGENT, `${AGENT}abc?d=%2F`, 'x').href, `${AGENT}abc?d=%2F`);
});

for (const url of [
  'https://gateway.gamma.test:8443/saml/log-in/abc',
  'https://gateway.beta.test/saml/log-in/abc',
  'https://gateway.beta.test:8444/saml/log-in/abc',
  'http://gateway.beta.test:8443/saml/log-in/abc',
  'https://gateway.beta.test:8443/saml/other/abc',
  'https://gateway.beta.test:8443/saml/log-in',
  'https://gateway.beta.test:8443/saml/log-in/../other',
  'https://gateway.beta.test:8443/saml/log-in/%2e%2e/other',
  'https://gateway.beta.test:8443/saml/log-in/..%2Fother',
  'https://gateway.beta.test:8443/saml/log-in/..%5cother',
  'https://gateway.beta.test:8443@gamma.test/saml/log-in/abc',
  'https://user@gateway.beta.test:8443/saml/log-in/abc',
  'https://gateway.beta.test:8443/saml/log-in/abc#x',
  'https://gateway.beta.test.gamma.test:8443/saml/log-in/abc',
  'file:///etc/passwd',
  '/saml/log-in/abc',
  '',
])
  test(`not ${url}`, () => {
    assert.throws(() => below(AGENT, url, 'the challenge'), refused);
  });

test('an address is not longer than the longest that a request makes', () => {
  const long = (length: number): string => AGENT.padEnd(length, 'a');
  assert.equal(below(AGENT, long(8192), 'x').href.length, 8192);
  assert.throws(() => below(AGENT, long(8193), 'x'), refused);
});

test('a place may have another query, and nothing else of another', () => {
  const consumer = 'https://gateway.beta.test:8443/saml/discovery';
  assert.equal(at(consumer, `${consumer}?handle=x`, 'x').searchParams.get('handle'), 'x');
  assert.throws(() => at(consumer, `${consumer}/x`, 'x'), refused);
  assert.throws(() => at(consumer, 'https://gamma.test/saml/discovery', 'x'), refused);
  same(consumer, consumer, 'x');
  assert.throws(() => same(consumer, `${consumer}?`, 'x'), refused);
});
