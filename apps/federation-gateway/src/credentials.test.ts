// Mutations seen red, one each: the key not compared with the certificate; the mode of the key file not looked at.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isError } from './test-fakes.ts';
import { readCredentials } from './credentials.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-credentials-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

function make(name: string): { certFile: string; keyFile: string } {
  const files = { certFile: at(`${name}.pem`), keyFile: at(`${name}.key`) };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files.keyFile];
  execFileSync('openssl', ['req', '-x509', ...key, '-subj', '/CN=gw', '-out', files.certFile], {
    stdio: 'pipe',
  });
  chmodSync(files.keyFile, 0o600);
  return files;
}

test('a certificate and its key, and nothing that does not belong together', () => {
  const [old, next] = [make('old'), make('next')];
  const read = readCredentials(old);
  assert.equal(read.cert, readFileSync(old.certFile, 'utf8'));
  assert.ok(read.notAfter > Date.now());
  // While they are changed, one is there before the other.
  assert.throws(
    () => readCredentials({ ...old, keyFile: next.keyFile }),
    isError('M4C_CONFIG', /is not the key of/),
  );
  assert.throws(() => readCredentials({ ...old, certFile: at('gone') }), isError('M4C_CONFIG', /gone/));
  writeFileSync(at('half.pem'), readFileSync(old.certFile, 'utf8').slice(0, 200));
  assert.throws(() => readCredentials({ ...old, certFile: at('half.pem') }), isError('M4C_CONFIG', /no PEM/));
  writeFileSync(at('text.key'), 'no key', { mode: 0o600 });
  assert.throws(
    () => readCredentials({ ...old, keyFile: at('text.key') }),
    isError('M4C_CONFIG', /no private key/),
  );
});

test('a key that others may read is refused', () => {
  const files = make('open');
  chmodSync(files.keyFile, 0o640);
  assert.throws(() => readCredentials(files), isError('M4C_CONFIG', /others than its owner/));
});
