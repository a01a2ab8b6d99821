// Mutation seen red: a file that others may read, the MAC not checked or derived under another id, no bound on
// iterations, a file made with the default mode, a key that is not the certificate's.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { decode, encode, readSequence, sequence, smallInteger } from './der.ts';
import { type Keystore, readKeystore, writeKeystore } from './keystore.ts';
import { MAX_PKCS12_OCTETS } from './pkcs12.ts';
import { fault, makeDomain, type Member, openssl, pemOf, pemOfKey, type TestDomain } from './test-domain.ts';

const PASSWORD = 'pässwörd of a test';
const oracle = openssl();
const folder = mkdtempSync(join(tmpdir(), 'mom4c-keystore-'));
const path = join(folder, 'te1.p12');
let domain: TestDomain;
let ec: Member;
let rsa: Member;
let keystore: Keystore;

before(async () => {
  domain = await makeDomain();
  [ec, rsa] = await Promise.all([domain.issue('te1', 'te', 'ec'), domain.issue('te2', 'te', 'rsa')]);
  keystore = { ...ec, authority: domain.authority };
  await writeKeystore(path, keystore, PASSWORD);
});
after(() => {
  oracle.remove();
  rmSync(folder, { recursive: true });
});

/** A file of its own, so that the tests do not depend on each other. */
function copyOf(octets: Uint8Array, mode = 0o600): string {
  const copy = join(folder, 'copy.p12');
  rmSync(copy, { force: true });
  writeFileSync(copy, octets);
  chmodSync(copy, mode);
  return copy;
}

for (const kind of ['ec', 'rsa'] as const)
  describe(`a keystore with an ${kind} key`, () => {
    const member = (): Member => (kind === 'ec' ? ec : rsa);
    const file = join(folder, `${kind}.p12`);
    before(() => writeKeystore(file, { ...member(), authority: domain.authority }, PASSWORD));

    test('comes back', async () => {
      const read = await readKeystore(file, PASSWORD);
      assert.deepEqual(read.certificate, member().certificate);
      assert.equal(read.authority.fingerprint, domain.authority.fingerprint);
      assert.ok(read.key.equals(member().key));
    });

    test('is read by openssl and by TLS', () => {
      oracle.file('password', PASSWORD);
      oracle.file('keystore', readFileSync(file));
      const pem = oracle.run('pkcs12', '-in', 'keystore', '-passin', 'file:password', '-nodes').toString();
      for (const text of [pemOf(member().certificate), domain.authority.pem, pemOfKey(member().key)])
        assert.ok(pem.includes(text));
      createSecureContext({ pfx: readFileSync(file), passphrase: PASSWORD });
    });
  });

describe('the file', () => {
  test('is for its owner only, and nothing is left beside it', () => {
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.ok(!readdirSync(folder).some((name) => name.endsWith('.new')));
  });

  test('is replaced as a whole', async () => {
    const other = copyOf(readFileSync(path));
    const inode = statSync(other).ino;
    await writeKeystore(other, { ...rsa, authority: domain.authority }, 'another');
    assert.notEqual(statSync(other).ino, inode);
    assert.equal((await readKeystore(other, 'another')).certificate.name, 'te2');
  });

  test('is not read if others may use it', async () => {
    assert.equal((await readKeystore(copyOf(readFileSync(path)), PASSWORD)).certificate.name, 'te1');
    for (const mode of [0o640, 0o604, 0o620]) {
      const copy = copyOf(readFileSync(path), mode);
      await assert.rejects(readKeystore(copy, PASSWORD), {
        code: 'M4C_KEYSTORE_UNREADABLE',
        message: /chmod 600 /,
      });
    }
  });

  test('has a bound, exists, and is a file', async () => {
    await assert.rejects(
      readKeystore(copyOf(Buffer.alloc(MAX_PKCS12_OCTETS + 1)), PASSWORD),
      fault('M4C_KEYSTORE_UNREADABLE'),
    );
    await assert.rejects(readKeystore(join(folder, 'none'), PASSWORD), fault('M4C_KEYSTORE_UNREADABLE'));
    await assert.rejects(readKeystore(folder, PASSWORD), fault('M4C_KEYSTORE_UNREADABLE'));
    await assert.rejects(
      writeKeystore(join(folder, 'none', 'x'), keystore, PASSWORD),
      fault('M4C_KEYSTORE_UNREADABLE'),
    );
  });
});

describe('what is inside', () => {
  test('needs the password, which is not empty', async () => {
    await readKeystore(path, PASSWORD);
    await assert.rejects(readKeystore(path, 'wrong'), fault('M4C_KEYSTORE_PASSWORD'));
    await assert.rejects(readKeystore(path, ''), fault('M4C_KEYSTORE_PASSWORD'));
    await assert.rejects(writeKeystore(path, keystore, ''), fault('M4C_KEYSTORE_PASSWORD'));
  });

  test('cannot be changed', async () => {
    const octets = readFileSync(path);
    const codes = new Set<string>();
    // A prime step: each kind of octet is hit, without deriving a thousand keys.
    for (let position = 0; position < octets.length; position += 211) {
      const changed = Buffer.from(octets);
      changed[position] = changed[position]! ^ 0x10;
      await assert.rejects(readKeystore(copyOf(changed), PASSWORD), (error: { code?: string }) => {
        codes.add(error.code ?? 'bug');
        return true;
      });
    }
    assert.deepEqual([...codes].toSorted(), ['M4C_KEYSTORE_PASSWORD', 'M4C_KEYSTORE_UNREADABLE']);
    await assert.rejects(
      readKeystore(copyOf(octets.subarray(0, -1)), PASSWORD),
      fault('M4C_KEYSTORE_UNREADABLE'),
    );
    await assert.rejects(
      readKeystore(copyOf(Buffer.from('no PKCS#12')), PASSWORD),
      fault('M4C_KEYSTORE_UNREADABLE'),
    );
  });

  test('does not make us compute for ever', async () => {
    const [version, safe, mac] = readSequence(decode(readFileSync(path), MAX_PKCS12_OCTETS), 'PFX', 3);
    const many = sequence(...readSequence(mac, 'MacData').with(2, smallInteger(2_000_000_000)));
    const hostile = encode(sequence(version!, safe!, many));
    await assert.rejects(readKeystore(copyOf(hostile), PASSWORD), fault('M4C_KEYSTORE_UNREADABLE'));
  });

  test('belongs together', async () => {
    const mixed = { ...keystore, key: rsa.key };
    await assert.rejects(writeKeystore(path, mixed, PASSWORD), fault('M4C_CERTIFICATE_INVALID'));
  });
});
