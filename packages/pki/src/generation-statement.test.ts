// Mutations seen red, one each: no bound; whoever signs believed; the signature, its certificate, its content type, or that of the
// content not looked at; the bounds of a field, its type, or another encoding let through; the domain not compared.
import assert from 'node:assert/strict';
import type { KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { contentSigner, createSigner } from './cms-sign.ts';
import type { NamedCertificate } from './cms-sign.ts';
import { encodeContentInfo, OID } from './cms-structure.ts';
import { createVerifier } from './cms-verify.ts';
import { decode, oid, readSequence, readTagged, sequence, smallInteger } from './der.ts';
import {
  MAX_GENERATION,
  MAX_GENERATION_STATEMENT,
  readGeneration,
  signGeneration,
} from './generation-statement.ts';
import { clock, directoryOf, fault, makeDomain, NOW } from './test-domain.ts';

const domain = await makeDomain();
const { authority } = domain;
const alpha = { authority, domain: 'alpha.test' };
const statement = { domain: 'alpha.test', generation: 2, time: NOW };
const octets = await signGeneration(statement, domain);
const read = (given: Uint8Array) => () => readGeneration(given, alpha);

/** Whatever stands in it, and under whatever type, well signed. */
const signed = (
  content: string,
  type: string = OID.generationStatement,
  key: KeyObject = domain.authorityKey,
  certificate: NamedCertificate = authority,
) => contentSigner(key, certificate, type)(Buffer.from(content), true);

/** Data that is signed, in the guise of a statement: what is under the signature stays. */
function relabelled(data: Uint8Array): Uint8Array {
  const [, explicit] = readSequence(decode(data, data.length), 'ContentInfo', 2);
  const [, algorithms, encapsulated, signers] = readSequence(readTagged(explicit, 0, '', 1)[0], '', 4);
  const [, content] = readSequence(encapsulated, '', 2);
  const guise = sequence(oid(OID.generationStatement), content!);
  return encodeContentInfo(OID.signedData, sequence(smallInteger(3), algorithms!, guise, signers!));
}

test('what the authority states is read by whoever knows it, at both ends of the bounds', async () => {
  assert.deepEqual(readGeneration(octets, alpha), statement);
  const highest = { ...statement, generation: MAX_GENERATION };
  assert.deepEqual(readGeneration(await signGeneration(highest, domain), alpha), highest);
  const named = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.test`;
  const long = await makeDomain(named);
  const stated = await signGeneration({ ...statement, domain: named }, long);
  assert.equal(readGeneration(stated, { authority: long.authority, domain: named }).domain, named);
  for (const generation of [1, 0, -2, 2.5, MAX_GENERATION + 1, Number.NaN])
    assert.throws(() => signGeneration({ ...statement, generation }, domain), fault('M4C_MALFORMED'));
});

test('nobody else states it: not another authority, not a manager, not under the name of the authority', async () => {
  const other = await makeDomain();
  assert.throws(read(await signGeneration(statement, other)), fault('M4C_BAD_SIGNATURE'));
  const { key, certificate } = await domain.issue('cm1', 'cm', 'ec');
  const text = JSON.stringify(statement);
  const type = OID.generationStatement;
  assert.throws(read(await signed(text, type, key, certificate)), fault('M4C_BAD_SIGNATURE'));
  const { publicKey } = certificate;
  const { issuer, serial, fingerprint } = authority;
  const posing = { issuer, serial, fingerprint, publicKey };
  assert.throws(read(await signed(text, type, key, posing)), fault('M4C_BAD_SIGNATURE'));
  // A certificate of the authority's key that is not the one that members know.
  const twin = { ...authority, fingerprint: certificate.fingerprint };
  assert.throws(read(await signed(text, type, domain.authorityKey, twin)), fault('M4C_BAD_SIGNATURE'));
  assert.throws(() => signGeneration(statement, { authority, authorityKey: key }), /not that of the certif/);
});

test('it holds for its own domain alone', async () => {
  const beta = { ...statement, domain: 'beta.test' };
  const stated = await signGeneration(beta, domain);
  assert.throws(read(stated), fault('M4C_EPOCH'));
  assert.deepEqual(readGeneration(stated, { authority, domain: 'beta.test' }), beta);
});

test('no other thing that is signed is a statement, and a statement is no message', async () => {
  const text = JSON.stringify(statement);
  assert.deepEqual(read(await signed(text))(), statement);
  assert.throws(read(await signed(text, OID.data)), fault('M4C_MALFORMED'));
  assert.throws(read(relabelled(await signed(text, OID.data))), fault('M4C_MALFORMED'));
  const { key, certificate } = await domain.issue('te1', 'te', 'ec');
  assert.throws(
    read(await createSigner({ key, certificate }).signEnclosed(Buffer.from(text))),
    fault('M4C_MALFORMED'),
  );
  const verifier = createVerifier({ directory: directoryOf(certificate), authority, clock });
  const foreign = await signed(text, OID.generationStatement, key, certificate);
  await assert.rejects(verifier.verify(foreign), fault('M4C_MALFORMED'));
});

test('one that is altered anywhere, cut, or longer is none', () => {
  for (let position = 0; position < octets.length; position++) {
    const altered = Buffer.from(octets);
    altered[position] = altered[position]! ^ (1 << (position % 8));
    assert.throws(read(altered), { name: 'Mom4cError' }, `octet ${position}`);
  }
  assert.throws(read(Buffer.concat([octets, Buffer.alloc(1)])), fault('M4C_MALFORMED'));
  assert.throws(read(octets.subarray(0, -1)), fault('M4C_MALFORMED'));
  assert.throws(read(new Uint8Array()), fault('M4C_MALFORMED'));
  assert.throws(read(Buffer.alloc(MAX_GENERATION_STATEMENT + 1)), fault('M4C_TOO_LARGE'));
  assert.throws(read(Buffer.alloc(MAX_GENERATION_STATEMENT)), fault('M4C_MALFORMED'));
});

for (const [what, content] of [
  ['a field more', JSON.stringify({ ...statement, more: 1 })],
  ['a blank', JSON.stringify(statement, undefined, 1)],
  ['another order', JSON.stringify({ generation: 2, domain: 'alpha.test', time: NOW })],
  ['a field twice', `{"domain":"alpha.test","generation":2,"generation":2,"time":${NOW}}`],
  ['a number as text', JSON.stringify({ ...statement, generation: '2' })],
  ['a list as the domain', JSON.stringify({ ...statement, domain: ['alpha.test'] })],
  ['the first generation', JSON.stringify({ ...statement, generation: 1 })],
  ['a generation out of bounds', JSON.stringify({ ...statement, generation: MAX_GENERATION + 1 })],
  ['no time', JSON.stringify({ domain: 'alpha.test', generation: 2 })],
  ['no object', 'null'],
  ['no JSON', 'generation 2'],
])
  test(`well signed, but with ${what}: refused`, async () => {
    assert.throws(read(await signed(content!)), fault('M4C_MALFORMED'));
  });
