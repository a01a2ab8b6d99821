/**
 * `npm run demo -- federation` does what it says: it ends with 0 only then, and leaves nothing behind.
 * No mutation was tried on it: what it shows is tested where it is made.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { XMPP_SERVER } from '../support/xmpp-server.ts';

const DEMO = fileURLToPath(new URL('../../infra/lab/src/demo.ts', import.meta.url));
const MAX_OUTPUT = 10_000_000;

test('two domains, one identity provider, and a node of the one in a room of the other', async () => {
  const { exitCode, output } = await new Promise<{ exitCode: number | null; output: string }>((resolve) => {
    const args = [DEMO, 'federation', '--server', XMPP_SERVER];
    const child = execFile(process.execPath, args, { maxBuffer: MAX_OUTPUT }, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode, output: stdout + stderr }),
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
