// Mutation seen red: growth compared with the first quarter, which is the warm-up; a process that is gone not told.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { growthFaults, watchMemory } from './memory.ts';

test('what rises after it was warm has grown; what rises before has not', () => {
  const [low, high] = [50e6, 150e6];
  const warm = [low, low, high, high, high, high, high, high];
  const leaking = [low, low, low, low, low, low, high, high];
  assert.deepEqual(growthFaults(new Map([['warm', warm]])), []);
  assert.match(
    growthFaults(new Map([['leaking', leaking]])).join(),
    /^leaking grew from 50000000 to 150000000/,
  );
});

test('a process that ends is told', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await once(child, 'spawn');
  const watch = watchMemory({ self: process.pid, child: child.pid! });
  watch.sample();
  assert.deepEqual(watch.faults(), []);
  child.kill('SIGKILL');
  await once(child, 'exit');
  watch.sample();
  assert.deepEqual(watch.faults(), ['child has ended']);
});
