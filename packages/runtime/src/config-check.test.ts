// Mutations seen red: modes of secrets not looked at; a link to nothing taken for "not there"; suggestions for any word;
// files looked at only where all settings fit; a folder that cannot be made taken for one that can.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as z from 'zod';
import { checkConfig, filePath, logSchema } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-check-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);

const schema = z.strictObject({
  name: z.string().min(1).max(64),
  keystore: z.strictObject({
    file: filePath('secret, made by the program'),
    passwordFile: filePath('secret').meta({ env: 'MOM4C_KEYSTORE_PASSWORD_FILE' }),
  }),
  tokenFile: filePath('secret, used once').optional(),
  state: filePath('folder, made by the program').default('state'),
  sysfs: filePath('folder').default('/sys'),
  xmpp: z.strictObject({ host: z.string(), port: z.int().min(1).max(65_535) }),
  log: logSchema,
});
const good = {
  name: 'te1',
  keystore: { file: 'keystore.p12', passwordFile: 'password' },
  xmpp: { host: 'h', port: 1 },
};
writeFileSync(at('password'), 'secret\n', { mode: 0o600 });

const check = (settings: object, env = {}) => {
  writeFileSync(at('config.yaml'), JSON.stringify(settings));
  return checkConfig(schema, { file: at('config.yaml'), env }).findings;
};
const said = (settings: object) =>
  check(settings).map(({ level, path, reason }) => `${level} ${path}: ${reason}`);

test('what fits has nothing to be said about it, though nothing was started yet', () => {
  assert.deepEqual(check(good), []);
});

test('all faults are told together, with what is expected, and without any value', () => {
  const findings = check({
    nmae: 'te1',
    keystore: { file: 'keystore.p12', passwordFile: 'nowhere', pasword: 'hunter2' },
    xmpp: { host: 'h', port: '99hunter2' },
    host: 'h',
    log: { level: 'loud' },
  });
  const of = (path: string) => findings.find((one) => one.path === path);
  assert.equal(findings.length, 7, JSON.stringify(findings, null, 1));
  assert.equal(of('name')?.reason, 'is missing');
  assert.equal(of('name')?.expected, 'string, 1 to 64 characters');
  assert.equal(of('nmae')?.hint, 'did you mean name?');
  assert.equal(of('keystore.pasword')?.reason, 'there is no such setting');
  assert.equal(of('host')?.hint, 'did you mean xmpp.host?');
  assert.equal(of('xmpp.port')?.expected, 'integer, 1 to 65535');
  assert.match(of('log.level')?.expected ?? '', /`debug`, `info`/);
  assert.match(of('keystore.passwordFile')?.reason ?? '', /nowhere does not exist/);
  assert.doesNotMatch(JSON.stringify(findings), /hunter2/);
});

test('a section that is missing is told with what it must hold; a far word suggests nothing', () => {
  const { xmpp: _without, ...rest } = good;
  const findings = check({ ...rest, gizmo: 1 });
  assert.equal(findings.find(({ path }) => path === 'xmpp')?.expected, 'a section with xmpp.host, xmpp.port');
  assert.equal(findings.find(({ path }) => path === 'gizmo')?.hint, undefined);
});

test('the file itself: absent, no YAML, no settings', () => {
  const faults = (file: string) => checkConfig(schema, { file }).findings.map(({ path }) => path);
  assert.deepEqual(faults(at('absent.yaml')), ['file']);
  for (const text of ['a: [', '- a', 'a: 1\na: 2', '\u0000']) {
    writeFileSync(at('bad.yaml'), text);
    assert.deepEqual(faults(at('bad.yaml')), ['file'], text);
  }
});

test('a secret is a file for its owner alone', () => {
  const secret = at('password');
  for (const mode of [0o640, 0o604, 0o620, 0o602]) {
    chmodSync(secret, mode);
    assert.match(
      said(good).join(),
      /fault keystore.passwordFile: .*has mode 06[0-4]{2}: others than its owner/,
      mode.toString(8),
    );
    assert.equal(check(good)[0]?.hint, `chmod 600 ${secret}`);
  }
  chmodSync(secret, 0o600);
  writeFileSync(secret, '');
  assert.match(said(good).join(), /fault keystore.passwordFile: .*is empty/);
  writeFileSync(secret, 'secret\n');
  mkdirSync(at('folder'));
  symlinkSync(at('gone'), at('dangling'));
  const other = (passwordFile: string) =>
    said({ ...good, keystore: { ...good.keystore, passwordFile } }).join();
  assert.match(other('folder'), /is no regular file/);
  assert.match(other('dangling'), /is a link to nothing/);
  assert.match(other('password/under'), /cannot be looked up \(ENOTDIR\)/);
  assert.match(said({ ...good, tokenFile: 'dangling' }).join(), /tokenFile: .*is a link to nothing/);
  assert.deepEqual(said({ ...good, tokenFile: 'used-up' }), []);
});

test('a secret of somebody else is told; to root as a warning', () => {
  if (process.geteuid?.() !== 0) return assert.notEqual(process.geteuid?.(), undefined);
  chownSync(at('password'), 4711, 4711);
  try {
    assert.match(said(good).join(), /^warning keystore.passwordFile: .*belongs to user 4711, not to 0/);
  } finally {
    chownSync(at('password'), 0, 0);
  }
});

test('what the program makes itself needs a place for it', () => {
  assert.deepEqual(said({ ...good, state: 'new/folder/below' }), []);
  assert.match(
    said({ ...good, state: 'password/below' }).join(),
    /state: .*(cannot be made in|cannot be looked up)/,
  );
  assert.match(said({ ...good, state: 'password' }).join(), /state: .*is no folder/);
  assert.match(said({ ...good, state: 'dangling/state' }).join(), /cannot be made in .*dangling/);
  assert.match(said({ ...good, sysfs: 'nowhere' }).join(), /sysfs: .*nowhere does not exist/);
});

test('the environment counts, and is named where it is wrong', () => {
  const { keystore, ...rest } = good;
  const settings = { ...rest, keystore: { file: keystore.file } };
  assert.deepEqual(check(settings, { MOM4C_KEYSTORE_PASSWORD_FILE: 'password' }), []);
  const [fault] = check(settings, { MOM4C_LOG_LEVEL: 'loud', MOM4C_KEYSTORE_PASSWORD_FILE: 'password' });
  assert.equal(fault?.path, 'log.level (from MOM4C_LOG_LEVEL)');
});
