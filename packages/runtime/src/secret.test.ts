// Mutation seen red: (1) `mode & 0o077` → `mode & 0o007`; (2) O_NONBLOCK dropped (the FIFO then hangs the test).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readSecret } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-secret-'));
after(() => rmSync(folder, { recursive: true }));

function secret(name: string, text: string | Uint8Array, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

test('one newline at the end is cut, no more', () => {
  assert.equal(readSecret(secret('plain', 'swordfish')), 'swordfish');
  assert.equal(readSecret(secret('newline', 'swordfish\n')), 'swordfish');
  assert.equal(readSecret(secret('crlf', 'swordfish\r\n')), 'swordfish');
  assert.equal(readSecret(secret('spaces', ' sword fish \n\n')), ' sword fish \n');
});

test('what others can read, or what holds no secret, is refused with its path and never its content', () => {
  const bad = [
    secret('group', 'swordfish', 0o640),
    secret('world', 'swordfish', 0o604),
    secret('writable', 'swordfish', 0o620),
    secret('empty', '\n'),
    secret('binary', Uint8Array.of(0xff, 0xfe)),
    secret('large', 'x'.repeat(65 * 1024)),
    join(folder, 'absent'),
    join(folder, 'fifo'),
  ];
  execFileSync('mkfifo', ['-m', '600', bad.at(-1)!]);
  for (const path of bad)
    assert.throws(
      () => readSecret(path),
      (error: { code?: string; message: string }) => {
        assert.equal(error.code, 'M4C_CONFIG');
        assert.ok(error.message.includes(path) && !error.message.includes('swordfish'), error.message);
        return true;
      },
    );
});
