// Mutations that it is for, not tried yet: entries of lists not descended into; paths inside of lists not resolved; a missing
// setting of an entry told as a wrong type; the place in the list not told; only the first entry looked at.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as z from 'zod';
import { checkConfig, filePath, listSettings, loadConfig } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-config-lists-'));
after(() => rmSync(folder, { recursive: true }));

const schema = z.strictObject({
  anchors: z.array(filePath()).default([]),
  partners: z
    .array(
      z.strictObject({
        domain: z.string(),
        port: z.int().default(5269),
        keyFile: filePath('secret').optional(),
        certificateFiles: z.array(filePath()).default([]),
      }),
    )
    .default([]),
});

function file(settings: object): string {
  const path = join(folder, 'config.yaml');
  writeFileSync(path, JSON.stringify(settings));
  return path;
}

test('settings of the entries of a list are settings', () => {
  const leads = listSettings(schema).map(({ path, leadsTo }) => [path.join('.'), leadsTo]);
  assert.deepEqual(leads, [
    ['anchors', 'file'],
    ['partners[].domain', undefined],
    ['partners[].port', undefined],
    ['partners[].keyFile', 'secret'],
    ['partners[].certificateFiles', 'file'],
  ]);
});

test('relative paths inside of lists start from the folder of the file, each of them', () => {
  const config = loadConfig(schema, {
    file: file({
      anchors: ['a.pem', '/b.pem'],
      partners: [{ domain: 'b' }, { domain: 'c', certificateFiles: ['c1.pem', 'c2.pem'], keyFile: 'k' }],
    }),
  });
  assert.deepEqual(config.anchors, [join(folder, 'a.pem'), '/b.pem']);
  assert.deepEqual(config.partners[0], { domain: 'b', port: 5269, certificateFiles: [] });
  assert.deepEqual(config.partners[1]?.certificateFiles, [join(folder, 'c1.pem'), join(folder, 'c2.pem')]);
  assert.equal(config.partners[1]?.keyFile, join(folder, 'k'));
});

test('faults and files of entries are told by their place', () => {
  writeFileSync(join(folder, 'open.key'), 'x', { mode: 0o644 });
  const path = file({
    partners: [
      { domain: 'b', keyFile: 'open.key', certificateFiles: ['gone.pem'] },
      { domian: 'c', port: 'x' },
    ],
  });
  const found = checkConfig(schema, { file: path }).findings.map(({ path: at, reason, hint = '' }) =>
    [at, reason.replaceAll(`${folder}/`, ''), hint].join(' | ').replace(/chmod.*/, 'chmod'),
  );
  assert.deepEqual(found.toSorted(), [
    'partners[0].certificateFiles[0] | gone.pem does not exist | ',
    'partners[0].keyFile | open.key has mode 0644: others than its owner may use this secret | chmod',
    'partners[1].domain | is missing | ',
    'partners[1].domian | there is no such setting | did you mean partners[].domain?',
    'partners[1].port | Invalid input: expected number, received string | ',
  ]);
});
