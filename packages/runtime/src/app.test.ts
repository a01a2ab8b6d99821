// Mutation seen red: (1) stops.pop() → stops.shift(); (2) no SIGHUP handler; (3) no disconnect() in notifyReady;
// (4) no limit in runStop; (5) exit code always 1.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

type Line = Record<string, unknown>;

const APP = new URL('./app.ts', import.meta.url).href;
const CORE = import.meta.resolve('@mom4c/core');
const KEEP = `const keep = setInterval(() => {}, 1000); app.onStop('timer', () => clearInterval(keep));`;
const STOPS = `for (const part of ['first', 'second']) app.onStop(part, () => app.log.info({part}, 'end'));`;

function run(body: string, ipc = false): ChildProcess {
  const program = `import {runApp} from '${APP}'; import {Mom4cError} from '${CORE}';
    await runApp({name: 'app', start: async (app) => { ${body} }});`;
  return spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
  });
}

async function outcome(child: ChildProcess): Promise<{ code: number | null; out: Line[]; err: string }> {
  const [out, err, [code]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'exit'),
  ]);
  return {
    code: code as number | null,
    out: out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line),
    err,
  };
}

const parts = (out: Line[]): unknown[] =>
  out.filter((line) => line['msg'] === 'end').map((line) => line['part']);

test('a signal stops in reverse order, in bounded time, with exit code 0', { timeout: 20_000 }, async () => {
  const stuck = `app.onStop('stuck', () => new Promise(() => {}), 50);`;
  const child = run(`${KEEP} ${STOPS} ${stuck} app.notifyReady({port: 7});`, true);
  const ended = outcome(child);
  const [[ready]] = await Promise.all([once(child, 'message'), once(child, 'disconnect')]);
  assert.deepEqual(ready, { type: 'ready', port: 7 });
  child.kill('SIGHUP');
  child.kill('SIGTERM');
  const { code, out } = await ended;
  assert.equal(code, 0);
  assert.deepEqual(parts(out), ['second', 'first']);
  assert.ok(out.some((line) => line['msg'] === 'did not stop in time' && line['part'] === 'stuck'));
});

test('an error of the catalogue at start: one line on each stream, what was started is stopped, its exit code', async () => {
  const { code, out, err } = await outcome(
    run(`${STOPS} throw new Mom4cError('M4C_CONFIG', 'a: b\\nc: d');`),
  );
  assert.equal(code, 9);
  assert.match(err, /^app: M4C_CONFIG: .* a: b c: d Fix: .*\n$/);
  assert.deepEqual(
    out.filter((line) => line['msg'] === 'start failed').map((line) => line['code']),
    ['M4C_CONFIG'],
  );
  assert.deepEqual(parts(out), ['second', 'first']);
});

for (const [name, body] of [
  ['at start', `throw new TypeError('oops');`],
  ['in a timer', `setTimeout(() => { throw new TypeError('oops'); }, 1);`],
  ['in a promise', `setTimeout(() => void Promise.reject(new TypeError('oops')), 1);`],
] as const)
  test(`a bug ${name} is logged whole under a correlation id and ends with 1`, async () => {
    const { code, out, err } = await outcome(run(KEEP + body));
    assert.equal(code, 1);
    const bug = out.find((line) => line['msg'] === 'bug')!;
    assert.match((bug['err'] as { stack: string }).stack, /TypeError: oops/);
    assert.match(err, new RegExp(`M4C_INTERNAL.*${String(bug['correlation'])}`));
  });

test('closed pipes do not end it', { timeout: 20_000 }, async () => {
  const write = `app.log.info({}, 'x'); console.error('x'); setTimeout(() => process.kill(process.pid, 'SIGTERM'), 50);`;
  const child = run(`${KEEP} process.once('SIGUSR2', () => { ${write} }); app.notifyReady();`, true);
  await once(child, 'disconnect');
  child.stdout!.destroy();
  child.stderr!.destroy();
  child.kill('SIGUSR2');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
