// Mutation seen red: the reason left out; the number constant; serial numbers cut by an octet.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { systemRandom as random } from '@mom4c/core';
import { writeCrl } from './crl.ts';
import type { Revoked } from './crl.ts';
import { createAuthority } from './issue.ts';
import { attime, clock, HOUR, makeDomain, NOW, openssl, pemOf } from './test-domain.ts';
import { toPem } from './certificates.ts';

const domain = await makeDomain();
const { authority, authorityKey } = domain;
const ssl = openssl();
after(() => ssl.remove());

function listOf(revoked: readonly Revoked[], number = 1): Promise<Uint8Array> {
  return writeCrl({
    ...{ authority, authorityKey, number, revoked },
    thisUpdate: NOW - HOUR,
    nextUpdate: NOW + HOUR,
  });
}

test('openssl reads the list, finds the signature good, and refuses who is on it', async () => {
  const [good, lost] = [await domain.issue('te1', 'te', 'ec'), await domain.issue('te2', 'te', 'ec')];
  const der = await listOf(
    [{ serial: lost.certificate.serial, at: NOW - 60_000, reason: 'keyCompromise' }],
    41,
  );
  const file = ssl.file('list.pem', toPem('X509 CRL', der));
  const ca = ssl.file('ca.pem', authority.pem);
  ssl.run('crl', '-in', file, '-CAfile', ca, '-noout');
  const text = ssl.run('crl', '-in', file, '-noout', '-text').toString();
  assert.match(text, /CRL Number:\s+41\b/);
  assert.match(text, /Key Compromise/);
  assert.match(text, new RegExp(`Serial Number: ${lost.certificate.serial}\\b`, 'i'));

  const check = (name: string, pem: string) =>
    ssl.run('verify', '-crl_check', '-CRLfile', file, '-CAfile', ca, ...attime(), ssl.file(name, pem));
  check('good.pem', pemOf(good.certificate));
  assert.throws(() => check('lost.pem', pemOf(lost.certificate)), /certificate revoked/);
});

test('an empty list clears everybody; one that somebody else has signed clears nobody', async () => {
  const { certificate } = await domain.issue('te3', 'te', 'ec');
  const other = await createAuthority({ domain: 'alpha.test', clock, random, validityDays: 2 });
  const times = { thisUpdate: NOW - HOUR, nextUpdate: NOW + HOUR };
  const forged = await writeCrl({
    ...{ authority, authorityKey: other.key, number: 1, revoked: [], ...times },
  });
  const check = (list: Uint8Array) => {
    const files = [ssl.file('list.pem', toPem('X509 CRL', list)), ssl.file('ca.pem', authority.pem)];
    const options = ['-crl_check', '-CRLfile', files[0]!, '-CAfile', files[1]!, ...attime()];
    ssl.run('verify', ...options, ssl.file('te3.pem', pemOf(certificate)));
  };
  check(await listOf([]));
  assert.throws(() => check(forged), /CRL signature failure/);
});
