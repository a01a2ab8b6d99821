import { printable } from '@mom4c/core';

/** Columns as wide as their widest cell, two blanks between them. */
export function formatTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map((column) => column.toUpperCase()), ...rows.map((row) => row.map(printable))];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => lengthOf(row[index] ?? ''))));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => cell + ' '.repeat(Math.max(0, widths[index]! - lengthOf(cell))))
      .join('  ')
      .trimEnd();
  return `${cells.map(line).join('\n')}\n`;
}

const segmenter = new Intl.Segmenter();
/** In characters as people count them. */
const lengthOf = (text: string): number => [...segmenter.segment(text)].length;
