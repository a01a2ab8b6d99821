// Mutation seen red: keys written with mode 0644; an older file written through instead of made anew; the command left
// out of the error.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findProgram, prepareServerFolder } from './server-folder.ts';

test('a missing program is named with the command that installs it', () => {
  assert.throws(() => findProgram('mom4c-no-such-program', 'slapd'), {
    code: 'M4C_PACKAGE_MISSING',
    message: /mom4c-no-such-program: sudo apt-get install --no-install-recommends slapd$/,
  });
  assert.match(findProgram('sh', 'dash'), /\/sh$/);
});

test('the folder of a server is closed to others, and an older file or link in it does not count', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'mom4c-folder-'));
  t.after(() => rmSync(root, { recursive: true }));
  const file = (name: string, text: string) => {
    writeFileSync(join(root, name), text, { mode: 0o644 });
    return join(root, name);
  };
  const tls = { cert: file('c', 'certificate'), key: file('k', 'key'), ca: file('a', 'authority') };
  const victim = file('victim', 'untouched');
  mkdirSync(join(root, 'server', 'tls'), { recursive: true });
  symlinkSync(victim, join(root, 'server', 'tls', 'key.pem'));

  const folder = prepareServerFolder(join(root, 'server'), tls, 'nobody');
  const mode = (path: string) => statSync(path).mode & 0o777;
  assert.equal(mode(folder.path), 0o700);
  assert.equal(mode(join(folder.path, 'tls')), 0o700);
  assert.equal(mode(join(folder.path, 'tls', 'key.pem')), 0o600);
  assert.equal(readFileSync(join(folder.path, 'tls', 'key.pem'), 'utf8'), 'key');
  assert.equal(readFileSync(victim, 'utf8'), 'untouched');
  assert.equal(mode(folder.write('cookie', 'c', 0o400)), 0o400);
  assert.equal(mode(folder.write('cookie', 'd', 0o400)), 0o400);
});
