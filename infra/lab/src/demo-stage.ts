/** What the demos have in common: they show what the command line prints and what the servers log, and hold it against what is stated. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT } from '@mom4c/core';
import { startLab } from './lab.ts';
import type { Lab } from './lab.ts';
import type { LabOptions } from './lab-plan.ts';

export type Stage = {
  readonly folder: string;
  /** Everything from nothing, with each stanza in the servers' logs. */
  bringUp(options: Omit<LabOptions, 'folder'>): Promise<Lab>;
  /** Runs the command line as a user would, shows what it prints, and holds its exit code against what is stated. */
  readonly mom4c: (
    args: readonly string[],
    expected: number,
  ) => Promise<{ exitCode: number; output: string }>;
};

const CLI = fileURLToPath(new URL('../../../apps/cli/bin/mom4c.js', import.meta.url));
const WIDTH = 110;

/** Takes everything down in the end, and says whether the play did all that it states. */
export async function perform(play: (stage: Stage) => Promise<void>): Promise<void> {
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => abort.abort());
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-demo-'));
  let lab: Lab | undefined;
  const bringUp: Stage['bringUp'] = async (options) =>
    (lab = await startLab({ ...options, folder, showStanzas: true, progress, signal: abort.signal }));
  try {
    await play({ folder, bringUp, mom4c: (args, expected) => mom4c(folder, args, expected) });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = EXIT.bug;
  } finally {
    heading('Take everything down');
    await lab?.down();
    rmSync(folder, { recursive: true, force: true });
    note(
      process.exitCode
        ? 'the demo FAILED'
        : 'all servers and nodes are stopped, nothing is left; the demo succeeded',
    );
  }
}

async function mom4c(
  folder: string,
  args: readonly string[],
  expected: number,
): Promise<{ exitCode: number; output: string }> {
  console.log(`$ mom4c ${args.join(' ')}`);
  const started = performance.now();
  const child = spawn(process.execPath, [CLI, '--state', folder, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? EXIT.bug));
  });
  console.log(output.trimEnd());
  note(`exit code ${exitCode}, ${seconds(started)}`);
  if (exitCode !== expected)
    throw new Error(`mom4c ${args.join(' ')} ended with ${exitCode}, not with ${expected}`);
  return { exitCode, output };
}

export function fold(text: string): string {
  return (text.match(new RegExp(`.{1,${WIDTH}}`, 'gs')) ?? []).map((line) => `  ${line}`).join('\n');
}

export function heading(text: string): void {
  console.log(`\n── ${text}\n`);
}

export function note(text: string): void {
  console.log(`   (${text})`);
}

export function progress(line: string): void {
  console.log(`   ${line}`);
}

export function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
