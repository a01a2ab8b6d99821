import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

const RELATIVE = /^(?:import|export)\b[^;]*?\bfrom '(\.[^']+)';$/gm;

/** Does this source file import that one, by relative paths and over others? Absolute paths. */
export function imports(file: string, target: string, seen: Set<string> = new Set()): boolean {
  if (file === target) return true;
  if (seen.has(file) || !existsSync(file)) return false;
  seen.add(file);
  return [...readFileSync(file, 'utf8').matchAll(RELATIVE)].some(([, path = '']) =>
    imports(resolve(dirname(file), path), target, seen),
  );
}
