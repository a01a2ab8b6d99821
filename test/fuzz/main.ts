/**
 * `npm run fuzz -- [--runs N] [--seed S] [--target NAME]…`: N inputs (a million) through all codecs that take octets
 * from outside. What must hold: nothing but errors of the catalogue comes out; no input takes longer than its limit;
 * the heap does not grow; time follows size; nothing that is signed or sealed is accepted with another content.
 * Every input follows from the seed. One that finds a fault is cut down and stored in `regressions/`.
 */
import { parseArgs } from 'node:util';
import { fuzz, type FuzzResult } from './fuzz.ts';
import { MAX_RATIO } from './growth.ts';
import { TARGETS } from './targets.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    target: { type: 'string', multiple: true, default: TARGETS.map(({ name }) => name) },
  },
});
const result = await fuzz({
  targets: values.target,
  seed: wholeNumber('seed', values.seed),
  runs: wholeNumber('runs', values.runs),
  say: (line) => console.log(line),
});
report(result);

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name}: a whole number expected`);
  return Number(text);
}

function report({ inputs, accepted, refused, faults, heapGrowth, slowest }: FuzzResult): void {
  const megabytes = (heapGrowth / 1e6).toFixed(1);
  console.log(
    `${inputs} inputs: ${accepted} accepted, ${refused} refused, ${faults.length} faults; ` +
      `heap ${megabytes} MB more at the end; four times the size takes at most ${slowest.toFixed(1)} times as long ` +
      `(limit ${MAX_RATIO})`,
  );
  for (const fault of faults) console.log(`\n${fault}`);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
