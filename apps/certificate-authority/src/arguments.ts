/** What the operator types: a verb and its options; or, for `batch`, a line of each on standard input. */
import { parseArgs } from 'node:util';
import { Mom4cError } from '@mom4c/core';

const OPTIONS = {
  config: { type: 'string' },
  name: { type: 'string' },
  role: { type: 'string' },
  ttl: { type: 'string' },
  dns: { type: 'string' },
  ip: { type: 'string' },
  out: { type: 'string' },
  legacy: { type: 'boolean' },
} as const;
export type Values = {
  readonly [option in keyof typeof OPTIONS]?:
    | ((typeof OPTIONS)[option]['type'] extends 'boolean' ? boolean : string)
    | undefined;
};

export type Order = { readonly verb: string; readonly values: Values };

/** The options of a verb beside `config`; `true` are those that it must have. */
const VERBS: Record<string, Partial<Record<keyof Values, boolean>>> = {
  init: {},
  serve: {},
  batch: {},
  token: { name: true, role: true, ttl: false, legacy: false },
  'server-certificate': { name: true, dns: false, ip: false, out: true },
};
/** They go on for ever, or take standard input for themselves. */
const ALONE = ['serve', 'batch'];

const MAX_BATCH_OCTETS = 1_048_576;

/** @throws Mom4cError M4C_USAGE */
export function readOrder(args: readonly string[]): Order {
  const { positionals, values } = parse(args);
  const [verb = '', ...rest] = positionals;
  const known = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  const needed = [
    'config',
    ...Object.entries(known ?? {})
      .filter(([, must]) => must)
      .map(([name]) => name),
  ];
  const allowed = ['config', ...Object.keys(known ?? {})];
  const missing = needed.filter((name) => !Object.hasOwn(values, name));
  const unknown = Object.keys(values).filter((name) => !allowed.includes(name));
  if (!known || rest.length > 0 || missing.length > 0 || unknown.length > 0)
    throw new Mom4cError(
      'M4C_USAGE',
      [
        ...missing.map((name) => `--${name} is missing`),
        ...unknown.map((name) => `--${name} has no meaning there`),
      ].join('; ') || undefined,
    );
  return { verb, values };
}

/**
 * Orders of a batch, each a line with a JSON array: `["token", "--name", "te1", "--role", "te"]`.
 * @param config that of the batch, for all @throws Mom4cError M4C_USAGE naming the line
 */
export function readBatch(text: string, config: string): Order[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    try {
      const args: unknown = JSON.parse(line);
      if (!Array.isArray(args) || !args.every((arg) => typeof arg === 'string'))
        throw new Mom4cError('M4C_USAGE', 'a list of texts expected');
      if (args.some((arg) => arg.startsWith('--config')))
        throw new Mom4cError('M4C_USAGE', '--config is that of the batch');
      const order = readOrder([...args, '--config', config]);
      if (ALONE.includes(order.verb)) throw new Mom4cError('M4C_USAGE', `${order.verb} stands alone`);
      return [order];
    } catch (cause) {
      const reason = cause instanceof Mom4cError ? cause.detail : 'not JSON';
      throw new Mom4cError('M4C_USAGE', `line ${index + 1}: ${reason ?? 'no such verb'}`, { cause });
    }
  });
}

/** Everything, up to its end. @throws Mom4cError M4C_USAGE if it is too much */
export async function readInput(input: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  let octets = 0;
  for await (const part of input) {
    octets += part.length;
    if (octets > MAX_BATCH_OCTETS)
      throw new Mom4cError('M4C_USAGE', `more than ${MAX_BATCH_OCTETS} octets on standard input`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function parse(args: readonly string[]): { positionals: string[]; values: Values } {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (cause) {
    // It quotes the argument that it does not know.
    throw new Mom4cError('M4C_USAGE', (cause as Error).message, { cause });
  }
}
