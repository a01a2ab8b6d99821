/** `main.ts <verb> --config FILE`: the certificate authority of a domain. */
import { asMom4cError, systemClock, systemRandom, uuidv7 } from '@mom4c/core';
import { answersCheck, createLogger, describeError, loadConfig, runApp } from '@mom4c/runtime';
import type { Logger } from '@mom4c/runtime';
import { readBatch, readInput, readOrder } from './arguments.ts';
import type { Order, Values } from './arguments.ts';
import { certificateAuthorityConfig } from './config.ts';
import type { CertificateAuthorityConfig } from './config.ts';
import { initialise, openOperator } from './operator.ts';
import type { Operator } from './operator.ts';
import { serve } from './serve.ts';

const USAGE = `usage:
  init               --config FILE
  serve              --config FILE
  token              --config FILE --name NAME --role ROLE [--ttl 1h] [--legacy]
  server-certificate --config FILE --name NAME [--dns a,b] [--ip 127.0.0.1] --out DIR
  batch              --config FILE
                     the verbs on standard input, one a line: ["token", "--name", "te1", "--role", "te"]`;

const args = process.argv.slice(2);
if (!answersCheck(certificateAuthorityConfig, args)) await main(args);

async function main(given: readonly string[]): Promise<void> {
  const order = attempt(() => readOrder(given));
  if (order?.verb === 'serve')
    await runApp({
      name: 'certificate-authority',
      start: async (app) => serve(app, configuration(order.values)),
    });
  else if (order) await runToEnd(order);
}

/** Verbs that end. Their log goes to standard error, so that standard output holds the results only. */
async function runToEnd({ verb, values }: Order): Promise<void> {
  const log = createLogger({ name: 'certificate-authority', level: 'info' }, process.stderr);
  try {
    const config = configuration(values);
    log.setLevel(config.log.level);
    const orders =
      verb === 'batch' ? readBatch(await readInput(process.stdin), values.config!) : [{ verb, values }];
    await obey(orders, config, log);
  } catch (thrown) {
    fail(thrown, log);
  }
}

/** One after the other, up to the first that fails. Each prints one line, but for a server's certificate. */
async function obey(
  orders: readonly Order[],
  config: CertificateAuthorityConfig,
  log: Logger,
): Promise<void> {
  let operator: Operator | undefined;
  try {
    for (const { verb, values } of orders) {
      if (verb === 'init') {
        print(await initialise(config));
        continue;
      }
      operator ??= await openOperator(config, log);
      const name = values.name!;
      if (verb === 'token') {
        const { role, ttl = '1h', legacy = false } = values;
        print(operator.makeToken({ name, role: role!, ttl, legacy }));
      } else {
        const { dns, ip, out } = values;
        await operator.makeServerCertificate({ name, dns: list(dns), ips: list(ip), folder: out! });
      }
    }
  } finally {
    operator?.close();
  }
}

function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch (thrown) {
    fail(thrown);
    process.stderr.write(`${USAGE}\n`);
    return undefined;
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

function fail(thrown: unknown, log?: Logger): void {
  const newCorrelation = () => uuidv7(systemClock, systemRandom);
  const error = asMom4cError(thrown, newCorrelation, (bug, correlation) =>
    log?.error({ err: bug, correlation }, 'bug'),
  );
  process.stderr.write(`certificate-authority: ${describeError(error)}\n`);
  process.exitCode = error.entry.exit;
}
