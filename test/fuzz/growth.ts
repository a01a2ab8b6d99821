/** Does the time follow the size of the input? Of shapes that are known to cost some parsers the square of it. */
import { runInput } from './run-input.ts';
import type { Grammar, Target } from './target.ts';

type Shape = (octets: number) => Uint8Array;

export type Growth = { readonly target: string; readonly shape: number; readonly ratio: number };

const SMALL = 16_000;
const FACTOR = 4;
/** Four times the size in linear time is 4, in quadratic time 16; caches and the collector take some of it. */
export const MAX_RATIO = 10;
/** Microseconds of CPU that are measured at a time. */
const LEAST_TIME = 20_000;
const REPETITIONS = 3;

const filled = (part: string, octets: number): string => part.repeat(Math.ceil(octets / part.length));
const HEADER = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

/** A DER value with a length of four octets in front. */
const long = (tag: number, content: Buffer): Buffer => {
  const head = Buffer.alloc(6);
  head.writeUInt8(tag);
  head.writeUInt8(0x84, 1);
  head.writeUInt32BE(content.length, 2);
  return Buffer.concat([head, content]);
};

const SHAPES: Readonly<Record<Grammar, readonly Shape[]>> = {
  der: [
    (octets) => long(0x30, Buffer.from(filled('\x05\0', octets), 'latin1')),
    (octets) => long(0x31, Buffer.from(filled('0\x02\x05\0', octets), 'latin1')),
    (octets) => Buffer.from(filled('0\x80', octets), 'latin1'),
    (octets) => long(0x04, Buffer.alloc(octets, 0x41)),
    (octets) => long(0x06, Buffer.alloc(octets, 0x81)),
  ],
  xml: [
    (octets) => Buffer.from(`${HEADER}<a>${filled('x', octets)}</a>`),
    (octets) => Buffer.from(`${HEADER}<a>${filled('&amp;', octets)}</a>`),
    (octets) => Buffer.from(`${HEADER}<a>${filled('<b/>', octets)}</a>`),
    (octets) => Buffer.from(`${HEADER}${filled('<a>', octets)}`),
    (octets) => Buffer.from(`${HEADER}<a ${filled("b='c' ", octets)}/>`),
    (octets) => Buffer.from(`${HEADER}<!--${filled('-', octets)}`),
    (octets) => Buffer.from(`${HEADER}<![CDATA[${filled(']', octets)}`),
  ],
  json: [
    (octets) => Buffer.from('['.repeat(octets / 2) + ']'.repeat(octets / 2)),
    (octets) => Buffer.from(`[${filled('0,', octets)}0]`),
    (octets) => Buffer.from(`"${filled('\\u0061', octets)}"`),
    (octets) =>
      Buffer.from(`{${Array.from({ length: octets / 10 }, (_, at) => `"k${at}":0`).join()},"type":"join"}`),
  ],
  text: [
    (octets) => Buffer.from(filled('a', octets)),
    (octets) => Buffer.from(filled('a.', octets)),
    (octets) => Buffer.from(filled('\n', octets)),
    (octets) => Buffer.from(filled('- ', octets)),
    (octets) => Buffer.from(filled('[', octets)),
    (octets) => Buffer.from(filled('0', octets)),
  ],
};

/** @returns for each shape, how much longer four times of it takes */
export async function measureGrowth(target: Target, alive: () => void): Promise<Growth[]> {
  const growths: Growth[] = [];
  for (const [shape, make] of [...SHAPES[target.grammar], ...(target.costly ?? [])].entries()) {
    alive();
    const [small, large] = [make(SMALL), make(SMALL * FACTOR)];
    const ratio = (await leastTime(target, large)) / (await leastTime(target, small));
    growths.push({ target: target.name, shape, ratio });
  }
  return growths;
}

/** Microseconds of CPU of this thread for one run: other load on the machine can only make it longer, hence the least. */
async function leastTime(target: Target, input: Uint8Array): Promise<number> {
  let least = Infinity;
  for (let repetition = 0; repetition < REPETITIONS; repetition++) {
    const before = process.threadCpuUsage();
    let runs = 0;
    let spent = 0;
    // The system counts in steps of some milliseconds.
    while (spent < LEAST_TIME) {
      await runInput(target, input);
      runs += 1;
      const { user, system } = process.threadCpuUsage(before);
      spent = user + system;
    }
    least = Math.min(least, spent / runs);
  }
  return least;
}
