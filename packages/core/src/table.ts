/** Tables of plain text: for terminals, and for XMPP clients that cannot show any other. */
import { printable } from './printable.ts';

export type Table = {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
};

/** Columns as wide as their widest cell, two blanks between them; each line ends with a line feed. */
export function formatTable(columns: Table['columns'], rows: Table['rows']): string {
  const cells = [
    columns.map((column) => column.toUpperCase()),
    ...rows.map((row) => cellsOf(row, columns.length - 1)),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => lengthOf(row[index] ?? ''))));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => cell + ' '.repeat(Math.max(0, widths[index]! - lengthOf(cell))))
      .join('  ')
      .trimEnd();
  return `${cells.map(line).join('\n')}\n`;
}

function cellsOf(row: readonly string[], last: number): string[] {
  return row.map((text, index) => (index < last ? cut(printable(text)) : printable(text)));
}

/** A device that writes much shall not push the columns after it out of sight; JSON and YAML have the whole text. */
const MAX_CELL = 120;

function cut(cell: string): string {
  const characters = [...charactersOf(cell)];
  return characters.length <= MAX_CELL ? cell : `${cell.slice(0, characters[MAX_CELL - 1]!.index)}…`;
}

/** Made with the first table: that takes longer than all else in this file, and few processes print any. */
let segmenter: Intl.Segmenter | undefined;
const charactersOf = (text: string): Intl.Segments => (segmenter ??= new Intl.Segmenter()).segment(text);
/** In characters as people count them. */
const lengthOf = (text: string): number => [...charactersOf(text)].length;
