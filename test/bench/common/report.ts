/** What stands at the head of a report, and how its tables get into a page. */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';

export type About = {
  /** ISO. */
  readonly date: string;
  readonly commit: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly node: string };
};

export function about(): About {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  return {
    date: new Date().toISOString(),
    commit: `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' and changes'}`,
    machine: { cpu: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version },
  };
}

/** The beginning of a sentence that ends with what was measured. */
export function headOf({ date, commit, machine }: About): string {
  return `Run of ${date.slice(0, 10)}, commit ${commit}: Node ${machine.node.slice(1)}, ${machine.cores} cores (${machine.cpu})`;
}

/** Puts it in the place that the page marks with this name. @throws Error if it marks none */
export function placed(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no place for ${name}`);
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
}

/** Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
