/** `mom4c lab …` starts the lab's own program: apps do not import what is above them. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Argument, Command as Verb } from 'commander';
import { Mom4cError } from '@mom4c/core';

const PROGRAM = fileURLToPath(new URL('../../../infra/lab/src/main.ts', import.meta.url));

export function labVerb(): Verb {
  return new Verb('lab')
    .summary('Run whole domains on this machine: up, status, down.')
    .description(
      'Run whole domains on this machine, from real servers, on loopback.\n\n' +
        '  mom4c lab up [--domain alpha.test]… [--server ejabberd|prosody] [--managers 1] [--executors 3]\n' +
        '             [--state DIR] [--json]\n' +
        '      --managers 3 --machines, as root: each manager on a machine of its own, see docs/fail-over.md\n' +
        '      --eligible te3=cm4 lets te3 become the manager cm4, see docs/fail-over.md\n' +
        '      --server beta.test=prosody names the XMPP server of one domain\n' +
        '      --idp starts an identity provider and a federation gateway in each domain: all federate with each other by\n' +
        '      single sign-on; --level alpha.test,beta.test=verified sets a lower level for a pair, see docs/federation.md\n' +
        '      --people ann=operator,bob=viewer makes accounts for stock XMPP clients, see docs/stock-clients.md\n' +
        '  mom4c lab status [--state DIR] [--json]\n' +
        '  mom4c lab down [--state DIR]',
    )
    .addArgument(new Argument('<verb>', 'what to do').choices(['up', 'status', 'down']))
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption('-h, --help')
    .action(async () => {
      if (!existsSync(PROGRAM))
        throw new Mom4cError('M4C_LAB', 'the lab is part of a checkout, not of an installation');
      process.exitCode = await run(process.argv.slice(process.argv.indexOf('lab') + 1));
    });
}

/** Options that stand before `lab` on the line (`mom4c --state DIR lab up`) belong to it as well. */
function run(args: readonly string[]): Promise<number> {
  const before = process.argv.slice(2, process.argv.indexOf('lab'));
  const child = spawn(process.execPath, [PROGRAM, ...args, ...before], { stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, forward);
  // At a terminal the child gets it as well; this process waits for what the child makes of it.
  process.on('SIGINT', () => {});
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(signal ? 128 : (code ?? 1)));
  });
}
