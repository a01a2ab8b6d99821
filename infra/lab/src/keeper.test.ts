// Mutation seen red: start time or boot not compared; zombies taken for alive; only the session or only the children
// looked for; no SIGCONT; not detached.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { signalProcess, startProcess, stopProcess, tailOf, until } from './keeper.ts';
import type { ProcessRecord } from './keeper.ts';
import { familyOf, identify, isAlive } from './process-table.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-keeper-'));
const started: ProcessRecord[] = [];
after(async () => {
  for (const record of started) await stopProcess(record, { signal: 'SIGKILL' });
  rmSync(folder, { recursive: true });
});

/** Runs a shell script; resolves when it has printed `ready`. */
async function start(name: string, script: string) {
  const logFile = join(folder, `${name}.log`);
  const env = { PATH: '/usr/bin:/bin' };
  const result = await startProcess({ name, command: '/bin/sh', args: ['-c', script], folder, env, logFile });
  started.push(result.record);
  assert.ok(await until(() => tailOf(logFile).includes('ready'), 5_000), 'the script has not started');
  return result;
}

test('what it starts leads a session of its own and writes to its log', async () => {
  const { record } = await start('leader', 'echo ready; exec sleep 60');
  assert.ok(isAlive(record));
  assert.equal(
    readFileSync(`/proc/${record.pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[3],
    String(record.pid),
  );
  await stopProcess(record);
  assert.equal(isAlive(record), false);
});

test('a program that does not exist is an error of the lab', async () => {
  const options = { name: 'none', args: [], folder, env: {}, logFile: join(folder, 'none.log') };
  await assert.rejects(startProcess({ ...options, command: '/nonexistent' }), { code: 'M4C_LAB' });
});

test('a process that ignores SIGTERM is killed when the limit has passed', async () => {
  const { record } = await start('stubborn', "trap '' TERM; echo ready; while :; do sleep 1; done");
  const begun = performance.now();
  await stopProcess(record, { limitMs: 200 });
  assert.ok(performance.now() - begun >= 200);
  assert.deepEqual(familyOf(record), []);
});

test('a process that was stopped with SIGSTOP still ends in an orderly way', async () => {
  const { record, child } = await start(
    'frozen',
    "trap 'echo orderly; exit 0' TERM; echo ready; sleep 60 & wait",
  );
  assert.ok(signalProcess(record, 'SIGSTOP'));
  const exit = once(child, 'exit');
  await stopProcess(record);
  assert.deepEqual(await exit, [0, null]);
  assert.match(tailOf(record.logFile), /orderly/);
});

test('children go with it: those in its session and those that have left it', async () => {
  const { record } = await start('parent', 'sleep 60 & setsid sleep 60 & sleep 0.1; echo ready; wait');
  const family = familyOf(record);
  assert.ok(family.length >= 3, `${family.length} processes`);
  await stopProcess(record);
  assert.deepEqual(family.filter(isAlive), []);
});

test('orphans of a leader that has died are found and ended', async () => {
  const { record, child } = await start('orphans', 'sleep 60 & echo ready; wait');
  const exit = once(child, 'exit');
  assert.ok(signalProcess(record, 'SIGKILL'));
  await exit;
  assert.equal(familyOf(record).length, 1);
  await stopProcess(record);
  assert.deepEqual(familyOf(record), []);
});

test('a pid that belongs to another process by now is left alone', async () => {
  const { record } = await start('innocent', 'echo ready; exec sleep 60');
  const otherTime = { ...record, startTime: record.startTime - 1 };
  const otherBoot = { ...record, boot: '00000000-0000-0000-0000-000000000000' };
  for (const former of [otherTime, otherBoot]) {
    assert.equal(signalProcess(former, 'SIGKILL'), false);
    assert.deepEqual(familyOf(former), []);
    await stopProcess(former);
  }
  assert.ok(isAlive(record));
});

test('a process that has ended, but was not waited for, counts as ended', async () => {
  // The shell becomes a program that does not wait for the child of the shell.
  const { record } = await start('zombie', 'sleep 0.2 & echo $!; echo ready; exec sleep 60');
  const zombie = identify(Number(tailOf(record.logFile).split('\n')[0]));
  assert.ok(zombie && isAlive(zombie));
  assert.ok(await until(() => !isAlive(zombie), 5_000));
  assert.ok(identify(zombie.pid), 'no zombie was left, so this test shows nothing');
  await stopProcess(record);
});

test('the tail of a log is bounded', () => {
  assert.equal(tailOf(join(folder, 'missing.log')), '');
  assert.ok(tailOf('/proc/self/environ').length <= 4096);
});
