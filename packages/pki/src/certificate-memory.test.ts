/** Mutations seen red: no bound; no move to the end when it is used; kept before it is verified. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CertificateMemory } from './certificate-memory.ts';
import { clock, fault, makeDomain } from './test-domain.ts';

test('the least recently used goes first; what another authority has issued is not kept', async () => {
  const [domain, other] = await Promise.all([makeDomain(), makeDomain()]);
  const memory = new CertificateMemory(domain.authority, clock, 2);
  const [a, b, c] = (await Promise.all(['a', 'b', 'c'].map((name) => domain.issue(name, 'te', 'ec')))).map(
    ({ certificate }) => certificate,
  );
  const foreign = (await other.issue('d', 'te', 'ec')).certificate;
  for (const each of [a!, b!, a!, c!]) memory.verified(each);
  assert.throws(() => memory.verified(foreign), fault('M4C_CERTIFICATE_INVALID'));
  const isKept = [a!, b!, c!, foreign].map((each) => memory.read(Buffer.from(each.der)) === each);
  assert.deepEqual(isKept, [true, false, true, false]);
});
