/**
 * `npm run demo -- federation` does what it says: it ends with 0 only then, and leaves nothing behind.
 * On one server: what it shows is tested where it is made, on both. No mutation was tried on it.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const DEMO = fileURLToPath(new URL('../../infra/lab/src/demo.ts', import.meta.url));
const MAX_OUTPUT = 10_000_000;

test('two domains, one identity provider, and a node of the one in a room of the other', async () => {
  const { exitCode, output } = await new Promise<{ exitCode: number | null; output: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [DEMO, 'federation'],
      { maxBuffer: MAX_OUTPUT },
      (_error, stdout, stderr) => resolve({ exitCode: child.exitCode, output: stdout + stderr }),
    );
  });
  assert.equal(exitCode, 0, output);
  for (let step = 1; step <= 13; step++) assert.match(output, new RegExp(`^ +${step} +\\S+\\.test `, 'm'));
  for (const line of [
    'alpha.test logged in 1 time with its password',
    'te1 before it is a member: M4C_ROOM',
    'te1 was invited: cm1@beta.test/demo',
    'cm1 heard te1: “still here”',
    'the demo succeeded',
  ])
    assert.ok(output.includes(line), `${line}: ${output}`);
});
