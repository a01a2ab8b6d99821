/**
 * What was tried between our side of federation and programs of others. Each cell is a test; its row stands in
 * docs/federation-interop.md, which `npm run docs:federation` makes and the tests compare.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Mom4cError } from '@mom4c/core';

export type Row = {
  readonly peer: string;
  readonly operation: string;
  /** As our side saw it: protocol of TLS, mechanism, pair of hosts, or what a refusal said. */
  readonly seen: string;
  /** `works`, or the code of the refusal. */
  readonly outcome: string;
};

/** A row to be: what is to come out of it is known beforehand. */
export type Cell = Pick<Row, 'peer' | 'operation' | 'outcome'> & {
  readonly run: () => Promise<Pick<Row, 'seen' | 'outcome'>>;
};

export type Matrix = { readonly cells: readonly Cell[]; stop(): Promise<void> };
export type Section = 'gsasl' | 'stock-servers' | 'clients';

const PAGE = join(import.meta.dirname, '../../docs/federation-interop.md');
const END = '<!-- :made -->';
const begin = (section: Section): string => `<!-- made by \`npm run docs:federation\`, ${section}: -->`;

/** A test for each cell, and one for the page. */
export async function testMatrix(section: Section, open: () => Promise<Matrix>): Promise<void> {
  const matrix = await open();
  after(() => matrix.stop());
  const rows: Row[] = [];
  for (const cell of matrix.cells)
    test(`${cell.peer}: ${cell.operation}: ${cell.outcome}`, async () => {
      const row = await rowOf(cell);
      rows.push(row);
      assert.equal(row.outcome, cell.outcome);
    });
  test('docs/federation-interop.md says what was seen', () => {
    const actual = readFileSync(PAGE, 'utf8');
    const expected = pageWith(actual, section, rows);
    assert.equal(actual, expected, 'it is out of date: run `npm run docs:federation`');
  });
}

/** Runs all of them, and writes the section. */
export async function writeSection(section: Section, open: () => Promise<Matrix>): Promise<void> {
  const matrix = await open();
  try {
    const rows: Row[] = [];
    for (const cell of matrix.cells) {
      const row = await rowOf(cell);
      if (row.outcome !== cell.outcome)
        throw new Error(`${JSON.stringify(row)}: ${cell.outcome} was expected`);
      console.log(Object.values(row).join(' | '));
      rows.push(row);
    }
    writeFileSync(PAGE, pageWith(readFileSync(PAGE, 'utf8'), section, rows));
  } finally {
    await matrix.stop();
  }
}

async function rowOf({ run, ...known }: Cell): Promise<Row> {
  return { ...known, ...(await run()) };
}

function pageWith(page: string, section: Section, rows: readonly Row[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const table = [
    line(['Who', 'What', 'Seen', 'Outcome']),
    '| --- | --- | --- | --- |',
    ...rows.map(({ peer, operation, seen, outcome }) => line([peer, operation, seen, outcome])),
  ].join('\n');
  const [head, rest = ''] = page.split(begin(section));
  const [, ...tail] = rest.split(END);
  return `${head}${begin(section)}\n\n${table}\n\n${END}${tail.join(END)}`;
}

/** The code that it is refused with, and what it says beyond. */
export async function refusalOf(attempt: Promise<unknown>): Promise<{ code: string; detail: string }> {
  try {
    await attempt;
  } catch (thrown) {
    if (thrown instanceof Mom4cError) return { code: thrown.code, detail: String(thrown.detail ?? '') };
    throw thrown;
  }
  return { code: 'no refusal', detail: '' };
}

/** `ejabberd 23.01`: as Debian has it, without Debian's own numbers. */
export function versionOf(debianPackage: string, name = debianPackage): string {
  const version = execFileSync('dpkg-query', ['-W', '-f', '${Version}', debianPackage], { encoding: 'utf8' });
  return `${name} ${version.replace(/^\d+:/, '').replace(/-[^-]*$/, '')}`;
}
