/** Where a benchmark or a long test keeps its lab, which an interruption takes down. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLab } from '@mom4c/lab';
import { endIfInterrupted, interrupted } from './interruption.ts';

export type RunFolder = {
  readonly path: string;
  /** For `startLab`. */
  readonly lab: { readonly folder: string; readonly signal: AbortSignal };
  /** With all that is in it; its lab is down. */
  remove(): void;
};

/** @param name of what runs: `bench`, say */
export function makeRunFolder(name: string): RunFolder {
  const path = mkdtempSync(join(tmpdir(), `mom4c-${name}-`));
  // Servers that run under users of their own must get to their folders below.
  chmodSync(path, 0o711);
  const lab = { folder: join(path, 'lab'), signal: interrupted };
  const forget = endIfInterrupted(async () => {
    await openLab(lab.folder)?.down();
    remove();
  });
  const remove = (): void => {
    rmSync(path, { recursive: true, force: true });
    forget();
  };
  return { path, lab, remove };
}
