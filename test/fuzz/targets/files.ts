/** Small files that a node reads at its start: the time floor, secrets, the configuration. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread, workerData } from 'node:worker_threads';
import { readSecret } from '@mom4c/runtime';
import { openFloorFile } from '../../../packages/member/src/floor-file.ts';
import { parseYaml } from '../../../packages/runtime/src/yaml.ts';
import { NOW } from '../constants.ts';
import { clock } from '../corpus.ts';
import { Finding, type Target } from '../target.ts';
import { verdictOf } from '../verdict.ts';

const BOOT = '5e0a3b1c-0000-4000-8000-00805f9b34fb';
let folder: string | undefined;

/** A thread that is ended in the middle can remove nothing. */
function openFolder(): string {
  if (!isMainThread) return (workerData as { readonly folder: string }).folder;
  const own = mkdtempSync(join(tmpdir(), 'mom4c-fuzz-'));
  process.on('exit', () => rmSync(own, { recursive: true, force: true }));
  return own;
}

function written(name: string, input: Uint8Array): string {
  const path = join((folder ??= openFolder()), name);
  writeFileSync(path, input, { mode: 0o600 });
  return path;
}

export const floorFile: Target = {
  name: 'floor-file',
  grammar: 'text',
  weight: 3,
  seeds: [`${String(NOW).padStart(16, '0')} ${BOOT}\n`, `${'0'.repeat(16)} ${BOOT}\n`, ''].map((text) =>
    Buffer.from(text),
  ),
  run: (input) =>
    verdictOf(() => {
      const file = openFloorFile(written('floor', input), clock, BOOT);
      try {
        if (!Number.isSafeInteger(file.load())) throw new Finding('the floor is no time');
      } finally {
        file.close();
      }
    }, ['M4C_CONFIG']),
};

export const tokenFile: Target = {
  name: 'token-file',
  grammar: 'text',
  weight: 3,
  seeds: [Buffer.from('dGhlIHRva2Vu\n'), Buffer.from('a password with blanks')],
  run: (input) => verdictOf(() => readSecret(written('token', input)), ['M4C_CONFIG']),
};

export const configuration: Target = {
  name: 'configuration',
  grammar: 'text',
  weight: 3,
  seeds: [
    'domain: alpha.test\nname: te1\nxmpp:\n  host: 127.0.0.1\n  port: 5223\n',
    'a: &x [1, 2]\nb: "\\u6f22"\nc: |\n  text\n  more\nd: {e: f, g: [h, i]}\n'.replace('&x ', ''),
    '{"log": {"level": "info"}, "list": [1, 2.5, true, null]}',
  ].map((text) => Buffer.from(text)),
  run: (input) => verdictOf(() => parseYaml(Buffer.from(input).toString()), ['M4C_CONFIG']),
};
