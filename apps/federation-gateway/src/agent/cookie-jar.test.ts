// Mutations seen red: cookies taken from, or sent to, another origin; no expiry; Expires before Max-Age; a path that matches
// without the slash; no limit of their number; values with control characters accepted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCookieJar } from './cookie-jar.ts';
import { fakeClock } from '../test-fakes.ts';

const ORIGIN = 'https://idp.test:8443';
const at = (path: string): URL => new URL(path, ORIGIN);

function setUp() {
  const clock = fakeClock();
  const jar = createCookieJar(ORIGIN, clock);
  return { clock, jar, take: (...cookies: string[]) => jar.take(at('/saml/sso'), cookies) };
}

test('a cookie is sent back, under its path and in the order of RFC 6265', () => {
  const { jar, take } = setUp();
  take('a=1; Path=/; Secure; HttpOnly', 'b=2', 'c=3; path=/saml/sso/deep', 'd=4; Path=elsewhere');
  assert.equal(jar.header(at('/saml/sso')), 'b=2; d=4; a=1');
  assert.equal(jar.header(at('/saml/sso/deep')), 'c=3; b=2; d=4; a=1');
  assert.equal(jar.header(at('/saml/sso/deeper')), 'b=2; d=4; a=1');
  assert.equal(jar.header(at('/samlet')), 'a=1');
});

test('of two cookies with one name and path the later counts', () => {
  const { jar, take } = setUp();
  take('a=1; Path=/', 'a=2; Path=/');
  take('a=3; Path=/');
  assert.equal(jar.header(at('/')), 'a=3');
});

test('nothing is taken from another origin, and nothing sent there', () => {
  const { jar, take } = setUp();
  for (const other of ['https://idp.test/', 'https://evil.test:8443/', 'http://idp.test:8443/'])
    jar.take(new URL(other), ['a=evil; Path=/; Domain=idp.test']);
  assert.equal(jar.isEmpty, true);
  take('a=1; Path=/; Domain=test');
  assert.equal(jar.header(at('/')), 'a=1');
  for (const other of ['https://idp.test/', 'https://www.idp.test:8443/', 'http://idp.test:8443/'])
    assert.equal(jar.header(new URL(other)), undefined);
});

test('a cookie ends with its time; Max-Age is stronger than Expires', () => {
  const { jar, take, clock } = setUp();
  const soon = new Date(clock.now() + 10_000).toUTCString();
  take(`a=1; Path=/; Expires=${soon}`, `b=2; Path=/; Max-Age=20; Expires=${soon}`, 'c=3; Path=/');
  clock.advance(10_000);
  assert.equal(jar.header(at('/')), 'b=2; c=3');
  clock.advance(10_000);
  assert.equal(jar.header(at('/')), 'c=3');
  take('c=gone; Path=/; Max-Age=0');
  assert.equal(jar.isEmpty, true);
});

test('what is malformed or too long is dropped, and the number is bounded', () => {
  const { jar, take } = setUp();
  take('no value', '=x', 'a b=1', 'a=1\u0001', 'a=\u00e9', `a=${'x'.repeat(5000)}`);
  assert.equal(jar.isEmpty, true);
  for (let count = 0; count < 500; count += 1) take(`c${count}=x; Path=/`);
  assert.equal(jar.header(at('/'))?.split('; ').length, 50);
  assert.match(jar.header(at('/'))!, /c499=x/);
});
