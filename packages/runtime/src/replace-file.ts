import { renameSync, writeFileSync } from 'node:fs';

/** Puts it in place of the file, mode 0600: who reads it, also after a power cut, finds the old content or the new one whole. */
export function replaceFile(path: string, content: string | Uint8Array): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
}
