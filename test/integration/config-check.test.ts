/**
 * `mom4c config check` with the programs themselves: each checks the file that it would read. No servers.
 *
 * Mutation seen red: identity files not looked at; the program told by no setting; the exit code of a report with faults 0.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { mom4c } from '../support/cli.ts';

type Finding = { level: string; path: string; reason: string; expected?: string; hint?: string };

const folder = mkdtempSync(join(tmpdir(), 'mom4c-config-check-'));
after(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
writeFileSync(at('password'), 'open sesame\n', { mode: 0o600 });
writeFileSync(at('token'), 'simsalabim\n', { mode: 0o600 });

const member = {
  domain: 'alpha.test',
  name: 'x1',
  state: 'state',
  keystore: { file: 'keystore.p12', passwordFile: 'password' },
  tokenFile: 'token',
  authority: { url: 'http://127.0.0.1:1/scep', fingerprint: 'ab'.repeat(32) },
  directory: { url: 'ldaps://127.0.0.1:2', base: 'dc=alpha,dc=test' },
  xmpp: { host: '127.0.0.1', port: 3 },
};
const good: Readonly<Record<string, object>> = {
  'task-executor': { ...member, labels: { site: 'roof' } },
  'cluster-manager': { ...member, nats: { url: 'tls://127.0.0.1:4' } },
  'command-adapter': {
    ...member,
    component: { domain: 'commands.alpha.test', port: 5, secretFile: 'password' },
    people: 'people.alpha.test',
  },
  'federation-gateway': {
    ...member,
    nats: { url: 'tls://127.0.0.1:4' },
    component: { port: 5, secretFile: 'password' },
    s2s: { port: 6, certFile: 'password', keyFile: 'password' },
    partners: [{ domain: 'beta.test', level: 'verified' }],
  },
  cli: { ...member, admin: { url: 'https://127.0.0.1:5' } },
  'certificate-authority': {
    domain: 'alpha.test',
    state: 'state',
    keystore: { file: 'ca.p12', passwordFile: 'password' },
    scep: { port: 1 },
    admin: { port: 2 },
  },
};

for (const [program, settings] of Object.entries(good))
  test(`${program}: what fits, and what does not, all together`, async () => {
    const fits = await check(settings, 0);
    assert.equal(fits.for, program, 'its own settings tell which program it is for');
    assert.deepEqual(
      fits.findings.filter(({ level }) => level === 'fault'),
      [],
    );
    const { findings } = await check(
      { ...settings, domain: 'Alpha Test', statee: 'x', log: { level: 'loud' } },
      9,
    );
    const faults = findings.filter(({ level }) => level === 'fault');
    assert.deepEqual(faults.map(({ path }) => path).sort(), ['domain', 'log.level', 'statee']);
    assert.equal(faults.find(({ path }) => path === 'statee')?.hint, 'did you mean state?');
  });

test('files: a token or a keystore there must be; secrets are for their owner; none is shown', async () => {
  const te = good['task-executor']!;
  const none = await check({ ...te, tokenFile: 'gone' }, 9);
  assert.match(none.findings[0]?.reason ?? '', /neither a keystore nor an enrolment token/);
  chmodSync(at('password'), 0o644);
  const open = await check(te, 9);
  chmodSync(at('password'), 0o600);
  const [fault] = open.findings.filter(({ level }) => level === 'fault');
  assert.deepEqual([fault?.path, fault?.hint], ['keystore.passwordFile', `chmod 600 ${at('password')}`]);
  assert.doesNotMatch(JSON.stringify([none, open]), /sesame|simsalabim/);
});

test('the table for people, and what is no question at all', async () => {
  writeFileSync(
    at('config.yaml'),
    JSON.stringify({ ...good['task-executor'], xmpp: { host: 'h', prot: 1 } }),
  );
  const table = await mom4c(['config', 'check', at('config.yaml')]);
  assert.equal(table.code, 9);
  assert.match(table.stdout, /^LEVEL +SETTING +WHAT IS WRONG +EXPECTED +HINT$/m);
  assert.match(table.stdout, /^fault +xmpp\.port +is missing +integer, 1 to 65535$/m);
  assert.match(table.stdout, /^fault +xmpp\.prot +there is no such setting +did you mean xmpp\.port\?$/m);
  writeFileSync(at('anybody.yaml'), JSON.stringify(member));
  const untold = await mom4c(['config', 'check', at('anybody.yaml')]);
  assert.equal(untold.code, 2);
  assert.match(untold.stderr, /could be for several programs: name one with --for/);
  const named = await mom4c(['config', 'check', at('anybody.yaml'), '--for', 'task-executor']);
  assert.equal(named.code, 0, named.stdout);
  assert.equal((await mom4c(['config', 'check', at('absent.yaml')])).code, 9);
  assert.equal((await mom4c(['config', 'check', at('absent.yaml'), '--for', 'cluster-manager'])).code, 9);
});

async function check(settings: object, code: number): Promise<{ for: string; findings: Finding[] }> {
  writeFileSync(at('config.yaml'), JSON.stringify(settings));
  const ended = await mom4c(['config', 'check', at('config.yaml'), '-o', 'json']);
  assert.equal(ended.code, code, `${ended.stdout}\n${ended.stderr}`);
  return JSON.parse(ended.stdout);
}
