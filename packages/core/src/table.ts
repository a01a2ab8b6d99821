/** Tables of plain text: for terminals, and for XMPP clients that cannot show any other. */
import { printable } from './printable.ts';

export type Table = {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
};

/** Columns as wide as their widest cell, two blanks between them; each line ends with a line feed. */
export function formatTable(columns: Table['columns'], rows: Table['rows']): string {
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
