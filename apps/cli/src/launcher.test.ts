/** `bin/mom4c.js`, which any Node may be asked to run. */
// Mutations seen red: always a process of its own; never one.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { COMPILED } from '@mom4c/build';

const LAUNCHER = join(import.meta.dirname, '../bin/mom4c.js');
// On the disk of the modules, so that a file of theirs can have a second name.
mkdirSync(COMPILED, { recursive: true });
const folder = mkdtempSync(join(dirname(COMPILED), 'mom4c-launcher-'));
after(() => rmSync(folder, { recursive: true }));

/** Runs `mom4c help`. @returns what it prints, and how many processes of Node that took */
function help(node: string): [text: string, processes: number] {
  const seen = join(folder, 'seen');
  const preload = join(folder, 'preload.cjs');
  writeFileSync(seen, '');
  writeFileSync(preload, `require('node:fs').appendFileSync(${JSON.stringify(seen)}, 'x');`);
  const env = { PATH: '/usr/bin:/bin', HOME: folder, NODE_OPTIONS: `--require ${preload}` };
  const text = execFileSync(node, [LAUNCHER, 'help'], { encoding: 'utf8', env });
  return [text, readFileSync(seen, 'utf8').length];
}

test('the pinned Node runs the command line itself, any other one has it run', () => {
  const [text, processes] = help(process.execPath);
  assert.match(text, /^Usage: mom4c /);
  assert.equal(processes, 1);
  // The same octets, but not the file that this checkout pins.
  const other = join(folder, 'node');
  linkSync(process.execPath, other);
  assert.deepEqual(help(other), [text, 2]);
});
