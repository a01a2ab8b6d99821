/** `npm run test:long [-- NAME…] [--minutes N] [--rounds N]`: what takes minutes to an hour. */
import { parseArgs } from 'node:util';
import { interrupted } from '../support/interruption.ts';
import { failOver } from './fail-over.ts';
import { federationSoak } from './federation-soak.ts';
import { fuzzMillion } from './fuzz-million.ts';
import { mainJobSoak } from './main-job-soak.ts';
import { otherServer } from './other-server.ts';
import type { Part, PartResult } from './part.ts';
import { commitOf, keepResult } from './results.ts';
import { simulationTenThousand } from './simulation.ts';
import { stanzaSoak } from './stanza-soak.ts';

const PARTS: readonly Part[] = [
  ...failOver,
  federationSoak,
  fuzzMillion,
  mainJobSoak,
  otherServer,
  simulationTenThousand,
  stanzaSoak,
];
const EX_USAGE = 64;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '60' }, rounds: { type: 'string' } },
});
const minutes = Number(values.minutes);
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
const chosen =
  positionals.length === 0
    ? PARTS
    : PARTS.filter(({ name }) => positionals.some((wanted) => covers(wanted, name)));
if (
  !(minutes > 0) ||
  !(rounds === undefined || rounds > 0) ||
  positionals.some((wanted) => !PARTS.some(({ name }) => covers(wanted, name)))
) {
  const names = PARTS.map(({ name }) => name).join(', ');
  console.error(`usage: npm run test:long [-- NAME…] [--minutes N] [--rounds N]; there are: ${names}`);
  process.exitCode = EX_USAGE;
} else for (const part of chosen) if (!interrupted.aborted) await runPart(part);

/** `fail-over` stands for all whose names begin with it. */
function covers(wanted: string, name: string): boolean {
  return name === wanted || name.startsWith(`${wanted}-`);
}

async function runPart(part: Part): Promise<void> {
  console.log(`\n${part.name}: ${part.what}`);
  const [commit, date, start] = [commitOf(), new Date().toISOString(), performance.now()];
  const say = (line: string): void => console.log(`  ${line}`);
  const result = await part.run({ minutes, rounds, say }).catch(failure);
  if (interrupted.aborted) return;
  const seconds = Math.round((performance.now() - start) / 1000);
  keepResult(part, { ...result, commit, date, seconds }, PARTS);
  for (const [what, count] of Object.entries(result.counts)) console.log(`  ${what}: ${count}`);
  for (const fault of result.faults) console.log(`  FAULT ${fault}`);
  if (result.faults.length > 0) process.exitCode = 1;
}

function failure(thrown: unknown): PartResult {
  if (!interrupted.aborted) console.error(thrown);
  return { counts: {}, faults: [thrown instanceof Error ? thrown.message : String(thrown)] };
}
