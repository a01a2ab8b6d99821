/** Prometheus text format 0.0.4, read strictly: whatever a scraper could trip over is an error. */

export type Family = {
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
};
export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;
const TYPES = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

/**
 * What a process of ours counts: the sum of a metric's samples that have these labels.
 * @param name may lack its prefix `mom4c_`; 0 where there is no such sample yet @throws Error if there is no such metric
 */
export async function readMetric(
  port: number,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  const families = parseExposition(await answer.text());
  const found = families.get(name) ?? families.get(`mom4c_${name}`);
  if (!found) throw new Error(`there is no metric ${name}`);
  const fits = found.samples.filter((sample) =>
    Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  return fits.reduce((sum, { value }) => sum + value, 0);
}

/** By name. @throws Error with the line that is wrong */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family>();
  const series = new Set<string>();
  let help: { name: string; text: string } | undefined;
  let current: { name: string; family: Family } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment?.[1] === 'HELP') {
      help = { name: comment[2]!, text: comment[3]! };
    } else if (comment?.[1] === 'TYPE') {
      const name = comment[2]!;
      const type = comment[3]!;
      if (!NAME.test(name) || !TYPES.includes(type)) throw new Error(line);
      if (help?.name !== name) throw new Error(`no HELP right before: ${line}`);
      if (families.has(name)) throw new Error(`twice: ${line}`);
      current = { name, family: { type, help: help.text, samples: [] } };
      families.set(name, current.family);
    } else {
      const sample = parseSample(line);
      if (!current || !belongs(sample.name, current.name, current.family.type))
        throw new Error(`outside of its family: ${line}`);
      const key = `${sample.name} ${Object.entries(sample.labels)
        .map(([label, value]) => `${label}=${value}`)
        .toSorted((a, b) => a.localeCompare(b))
        .join(' ')}`;
      if (series.has(key)) throw new Error(`twice: ${line}`);
      series.add(key);
      current.family.samples.push(sample);
    }
  }
  for (const [name, family] of families) checkFamily(name, family);
  return families;
}

function parseSample(line: string): Sample {
  const [, name, list = '', text] = SAMPLE.exec(line) ?? [];
  if (name === undefined || text === undefined) throw new Error(line);
  const value = text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
  if (Number.isNaN(value) && text !== 'NaN' && text !== 'Nan') throw new Error(line);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < list.length) {
    const found = LABEL.exec(list);
    if (!found || Object.hasOwn(labels, found[1]!)) throw new Error(line);
    labels[found[1]!] = found[2]!;
  }
  return { name, labels, value };
}

function belongs(sample: string, family: string, type: string): boolean {
  if (type !== 'histogram' && type !== 'summary') return sample === family;
  return ['_bucket', '_sum', '_count', ''].some((suffix) => sample === family + suffix);
}

/** The conventions that `promtool check metrics` warns of, and what a histogram must hold. */
function checkFamily(name: string, { type, samples }: Family): void {
  if (name.startsWith('mom4c_')) {
    if ((type === 'counter') !== name.endsWith('_total')) throw new Error(`${name} is a ${type}`);
    if (/_(?:ms|milliseconds|minutes|kb|kilobytes)(?:_|$)/.test(name))
      throw new Error(`${name}: no base unit`);
  }
  if (type === 'counter' && samples.some(({ value }) => !(value >= 0))) throw new Error(`${name} below zero`);
  if (type !== 'histogram') return;
  const buckets = Map.groupBy(
    samples.filter((sample) => sample.name === `${name}_bucket`),
    ({ labels: { le: _le, ...others } }) => JSON.stringify(others),
  );
  for (const [labels, list] of buckets) {
    const bounds = list.map(({ labels: { le } }) => (le === '+Inf' ? Infinity : Number(le)));
    const counts = list.map(({ value }) => value);
    const rises = (numbers: number[]): boolean => numbers.every((n, i) => i === 0 || n >= numbers[i - 1]!);
    const total = samples.find(
      (sample) => sample.name === `${name}_count` && JSON.stringify(sample.labels) === labels,
    );
    if (!rises(bounds) || !rises(counts) || bounds.at(-1) !== Infinity || counts.at(-1) !== total?.value)
      throw new Error(`${name}: not a histogram`);
  }
}
