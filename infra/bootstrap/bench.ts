/**
 * `npm run bench -- NAME [arguments…]` runs `test/bench/NAME.bench.ts`, which measures something, prints a table and, with
 * `--json FILE`, writes the same figures there. Without a name: which there are.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';

const EX_USAGE = 64;
const SUFFIX = '.bench.ts';
const folder = join(import.meta.dirname, '../../test/bench');

const benches = globSync(`*${SUFFIX}`, { cwd: folder }).map((file) => basename(file, SUFFIX));
const [name = '', ...args] = process.argv.slice(2);
if (benches.includes(name)) {
  // A process of its own: nothing of this one is in the figures.
  const child = spawn(process.execPath, [join(folder, name + SUFFIX), ...args], { stdio: 'inherit' });
  // It takes down what it has started, once, however often it is told; then we end with it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  child.on('exit', (code) => (process.exitCode = code ?? 1));
} else {
  console.error(`usage: npm run bench -- NAME [arguments…]; there are: ${benches.toSorted().join(', ')}`);
  process.exitCode = EX_USAGE;
}
