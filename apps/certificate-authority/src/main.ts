/** `main.ts <verb> --config FILE`: the certificate authority of a domain. */
import { parseArgs } from 'node:util';
import { asMom4cError, Mom4cError, systemClock, systemRandom, uuidv7 } from '@mom4c/core';
import { answersCheck, createLogger, describeError, loadConfig, runApp } from '@mom4c/runtime';
import { certificateAuthorityConfig } from './config.ts';
import type { CertificateAuthorityConfig } from './config.ts';
import { initialise, makeServerCertificate, makeToken } from './operator.ts';
import { serve } from './serve.ts';

const USAGE = `usage:
  init               --config FILE
  serve              --config FILE
  token              --config FILE --name NAME --role ROLE [--ttl 1h] [--legacy]
  server-certificate --config FILE --name NAME [--dns a,b] [--ip 127.0.0.1] --out DIR`;

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
type Values = {
  readonly [option in keyof typeof OPTIONS]?:
    | ((typeof OPTIONS)[option]['type'] extends 'boolean' ? boolean : string)
    | undefined;
};

/** The options of a verb beside `config`; `true` are those that it must have. */
const VERBS: Record<string, Partial<Record<keyof Values, boolean>>> = {
  init: {},
  serve: {},
  token: { name: true, role: true, ttl: false, legacy: false },
  'server-certificate': { name: true, dns: false, ip: false, out: true },
};

const args = process.argv.slice(2);
if (!answersCheck(certificateAuthorityConfig, args)) await main(args);

async function main(given: string[]): Promise<void> {
  const { verb, values } = readArguments(given);
  if (verb === 'serve')
    await runApp({ name: 'certificate-authority', start: async (app) => serve(app, configuration(values)) });
  else if (verb !== undefined) await runOnce(verb, values);
}

/** A verb that ends. Its log goes to standard error, so that standard output holds the result only. */
async function runOnce(name: string, options: Values): Promise<void> {
  const log = createLogger({ name: 'certificate-authority', level: 'info' }, process.stderr);
  try {
    const config = configuration(options);
    log.setLevel(config.log.level);
    if (name === 'init') print(await initialise(config));
    else if (name === 'token')
      print(
        await makeToken(
          config,
          {
            name: options.name!,
            role: options.role!,
            ttl: options.ttl ?? '1h',
            legacy: options.legacy ?? false,
          },
          log,
        ),
      );
    else
      await makeServerCertificate(
        config,
        { name: options.name!, dns: list(options.dns), ips: list(options.ip), folder: options.out! },
        log,
      );
  } catch (thrown) {
    const newCorrelation = () => uuidv7(systemClock, systemRandom);
    fail(
      asMom4cError(thrown, newCorrelation, (bug, correlation) => log.error({ err: bug, correlation }, 'bug')),
    );
  }
}

function readArguments(args: string[]): { verb: string | undefined; values: Values } {
  try {
    const { positionals, values } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
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
  } catch (error) {
    // parseArgs quotes the argument that it does not know.
    fail(
      error instanceof Mom4cError
        ? error
        : new Mom4cError('M4C_USAGE', (error as Error).message, { cause: error }),
    );
    process.stderr.write(`${USAGE}\n`);
    return { verb: undefined, values: {} };
  }
}

function configuration(values: Values): CertificateAuthorityConfig {
  return loadConfig(certificateAuthorityConfig, { file: values.config, env: process.env });
}

function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function fail(error: Mom4cError): void {
  process.stderr.write(`certificate-authority: ${describeError(error)}\n`);
  process.exitCode = error.entry.exit;
}
