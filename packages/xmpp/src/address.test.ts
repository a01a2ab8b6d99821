// Mutation seen red: any text taken for a host. Not tried yet: the resource looked at for the host; the bounds taken out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostOf } from './address.ts';

test('the host of an address of anybody', () => {
  const long = 'x'.repeat(1023);
  for (const address of [
    'beta.test',
    'te9@beta.test',
    'Zoë.漢字+x@beta.test/🜁 a/b@gamma.test',
    'beta.test/a@gamma.test',
    `${long}@beta.test/${long}`,
  ])
    assert.equal(hostOf(address), 'beta.test', address);
});

test('none where it is no address, or not in the one spelling', () => {
  for (const address of [
    '',
    '@beta.test',
    'a@',
    'a@b@beta.test',
    'BETA.test',
    'beta.test.',
    'beta.test/',
    'a b@beta.test',
    'a"@beta.test',
    'a@beta.test/x\u0000',
    'a@beta.test/\u009b',
    `${'x'.repeat(1024)}@beta.test`,
    `a@beta.test/${'漢'.repeat(342)}`,
  ])
    assert.equal(hostOf(address), undefined, address);
});
