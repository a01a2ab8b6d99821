/** `node test/simulation/replay.ts SEED`: what happens under this seed, line by line. */
import { simulate } from './simulate.ts';

const EX_USAGE = 64;

const seed = Number(process.argv[2]);
if (!Number.isSafeInteger(seed)) {
  console.error('usage: node test/simulation/replay.ts SEED');
  process.exitCode = EX_USAGE;
} else {
  const { lines, faults, hash, counts } = await simulate(seed);
  for (const line of lines) console.log(line);
  console.log(`\n${JSON.stringify(counts)}\ntrace ${hash}`);
  for (const fault of faults) console.log(`FAULT ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
