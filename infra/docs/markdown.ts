/** Markdown as all pages write it. */

export const GENERATED =
  '<!-- Made by `npm run docs`. Do not edit: change the record that it is made from. -->';

/** Cells are prose in which only code (in backticks) may hold markup. */
export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(columns), `|${' --- |'.repeat(columns.length)}`, ...rows.map(line)].join('\n');
}

export function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

/** Blocks with an empty line between them, and one newline at the end of the page. */
export function page(...blocks: readonly string[]): string {
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

/** A bar ends a cell even inside of code; an angle bracket outside of code starts a tag. */
function cell(text: string): string {
  return text
    .replaceAll('|', '\\|')
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replaceAll('<', '&lt;')))
    .join('');
}
