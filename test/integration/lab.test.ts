// Mutation seen red: a domain's folder taken over if it is there; the abort signal not listened to; a dead process
// taken for a running one; a process taken for dead when its first thread is.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { programFile } from '@mom4c/build';
import { familyOf, identify, isAlive, isPortTaken, openLab, startLab, until } from '@mom4c/lab';
import type { LabDescription } from '@mom4c/lab';

const MAIN = programFile('lab');
const DOMAIN = 'alpha.test';
const EXIT = { ok: 0, usage: 2, unavailable: 7, config: 9 };

type Ended = { exitCode: number; stdout: string; stderr: string };

const root = mkdtempSync(join(tmpdir(), 'mom4c-lab-'));
const folder = join(root, 'state');
const foreign = join(root, 'foreign');
after(async () => {
  for (const one of [folder, foreign]) await openLab(one)?.down();
  rmSync(root, { recursive: true });
});

test('a lab comes up, is changed part by part, and goes down without leftovers', async () => {
  const up = await lab('up', '--executors', '1', '--state', folder, '--json');
  assert.equal(up.exitCode, EXIT.ok, up.stderr);
  const { domains } = JSON.parse(up.stdout) as LabDescription;
  const [described] = domains;
  assert.deepEqual(
    described?.nodes.map(({ name, role, jid }) => [name, role, jid]),
    [
      ['cm1', 'cm', 'cm1@alpha.test'],
      ['te1', 'te', 'te1@alpha.test'],
    ],
  );
  const { caCertificate, adminProfile } = described!;
  for (const file of [caCertificate, ...Object.values(adminProfile)]) assert.ok(existsSync(file), file);

  const second = await lab('up', '--state', folder);
  assert.equal(second.exitCode, EXIT.unavailable);
  assert.match(second.stderr, /a lab runs in/);
  assert.equal((await lab('status', '--state', folder)).exitCode, EXIT.ok);

  const domain = openLab(folder)!.domain(DOMAIN);
  const te1 = domain.node('te1');
  await assert.rejects(te1.start(), /runs already/);
  const before = familyOf(te1.process!);
  assert.ok(before.length > 1, 'a task executor has agents');
  assert.ok(te1.signal('SIGKILL'));
  await until(() => !te1.running, 5_000);
  const status = await lab('status', '--state', folder, '--json');
  assert.equal(status.exitCode, EXIT.unavailable);
  assert.match(status.stderr, /not running: te1 of alpha\.test/);
  const { nodes } = JSON.parse(status.stdout).domains[0];
  assert.deepEqual(
    nodes.map(({ name, alive }: { name: string; alive: boolean }) => [name, alive]),
    [
      ['cm1', true],
      ['te1', false],
    ],
  );
  await te1.start();
  assert.ok(te1.running);
  assert.deepEqual(before.filter(isAlive), [], 'orphans of the dead one');

  const te2 = await domain.addExecutor();
  assert.equal(te2.name, 'te2');
  assert.ok(te2.running);
  const slapd = domain.server('slapd');
  await slapd.stop();
  assert.equal(await isPortTaken(slapd.port), false);
  await slapd.start();
  assert.equal(await isPortTaken(slapd.port), true);

  const everything = openLab(folder)!.domain(DOMAIN).components;
  assert.ok(everything.every(({ running }) => running));
  const processes = everything.flatMap((part) => familyOf(part.process!));
  assert.equal((await lab('down', '--state', folder)).exitCode, EXIT.ok);
  assert.deepEqual(processes.filter(isAlive), []);
  for (const { name, port } of everything) assert.equal(await isPortTaken(port), false, name);
  assert.equal(existsSync(folder), false);
});

test('an interrupted start leaves nothing', async () => {
  const abort = new AbortController();
  const progress = (line: string) => {
    if (line.includes('slapd is ready')) abort.abort();
  };
  await assert.rejects(startLab({ folder, signal: abort.signal, progress }), { code: 'M4C_STOPPED' });
  const components = openLab(folder)!.domain(DOMAIN).components;
  assert.ok(components.every(({ running }) => !running));
  for (const { name, port } of components) assert.equal(await isPortTaken(port), false, name);
  await openLab(folder)!.down();
  assert.equal(existsSync(folder), false);
});

test('what is not its own, a lab neither uses nor deletes', async () => {
  mkdirSync(join(foreign, DOMAIN), { recursive: true });
  writeFileSync(join(foreign, DOMAIN, 'mine'), '');
  const up = await lab('up', '--state', foreign);
  assert.equal(up.exitCode, EXIT.unavailable);
  assert.match(up.stderr, /is no lab's/);
  assert.equal((await lab('down', '--state', foreign)).exitCode, EXIT.ok);
  assert.deepEqual(readdirSync(foreign, { recursive: true }), [DOMAIN, join(DOMAIN, 'mine')]);

  writeFileSync(join(foreign, 'lab.json'), JSON.stringify({ format: 1, domains: [{ name: '..' }] }));
  assert.equal((await lab('down', '--state', foreign)).exitCode, EXIT.unavailable);
  assert.ok(existsSync(join(foreign, DOMAIN, 'mine')));
  rmSync(join(foreign, 'lab.json'));
});

test('without a lab there is no status, and a wrong line is a matter of usage', async () => {
  const none = join(root, 'none');
  assert.equal((await lab('status', '--state', none)).exitCode, EXIT.config);
  assert.equal((await lab('down', '--state', none)).exitCode, EXIT.ok);
  for (const args of [
    ['begin'],
    ['up', '--domain', 'Not A Domain'],
    ['up', '--fast'],
    ['up', '--server', 'openfire'],
    ['up', '--server', 'beta.test=prosody'],
    ['up', '--server', 'alpha.test=prosody', '--server', 'alpha.test=ejabberd'],
  ])
    assert.equal((await lab(...args, '--state', none)).exitCode, EXIT.usage, args.join(' '));
  assert.equal(existsSync(none), false);
});

test('a process whose first thread has ended runs on, and has its ports, until the last one has', async () => {
  const program = [
    'import ctypes, threading, time',
    'threading.Thread(target=time.sleep, args=(60,)).start()',
    "print('ready', flush=True)",
    'ctypes.CDLL(None).pthread_exit(None)',
  ];
  const child = spawn('python3', ['-c', program.join('\n')], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const record = identify(child.pid!)!;
  const status = (): string => readFileSync(`/proc/${child.pid}/status`, 'utf8');
  assert.ok(await until(() => /^State:\s+Z/m.test(status()), 5000));
  assert.equal(isAlive(record), true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(isAlive(record), false);
});

/** Runs the program behind `mom4c lab` to its end. */
function lab(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}
