/** Inputs that once found a fault: one file each in `regressions/`, run by every `npm run check`. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Regression = {
  readonly target: string;
  /** What it found. */
  readonly fault: string;
  /** How it was found: `npm run fuzz -- --target T --seed S` makes it at this index. */
  readonly seed: number;
  readonly index: number;
  /** Base64. */
  readonly input: string;
};

const FOLDER = join(import.meta.dirname, 'regressions');

export function readRegressions(): Regression[] {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER)
    .toSorted()
    .map((name) => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Regression);
}

/** @returns the path of the file */
export function writeRegression(regression: Regression): string {
  mkdirSync(FOLDER, { recursive: true });
  const { target, input } = regression;
  const digest = createHash('sha256').update(input).digest('hex').slice(0, 8);
  const path = join(FOLDER, `${target}-${digest}.json`);
  writeFileSync(path, `${JSON.stringify(regression, null, 2)}\n`);
  return path;
}
