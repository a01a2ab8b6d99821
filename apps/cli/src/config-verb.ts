/** `mom4c config check FILE`: all that is wrong with the configuration of a program, before it is started. */
import { Argument, Command as Verb, Option } from 'commander';
import type { ConfigCheckOptions } from './config-check.ts';
import { FORMATS } from './formats.ts';
import { CONFIGURED } from './programs.ts';

export function configVerb(): Verb {
  const config = new Verb('config').description('Look at configurations.');
  const check = config
    .command('check')
    .summary('Check a configuration: every setting, and the files that it points to.')
    .description(
      'Says all that is wrong with a configuration at once: which setting, what is wrong, what is expected. The program ' +
        'that is to read the file checks it itself, with the environment of this shell; it starts nothing, and no secret ' +
        'is read or shown. Files must exist, secrets must have mode 0600 and belong to the user who asks.\n\n' +
        'Exit codes: 0 it fits, perhaps with warnings; 9 it has faults.',
    )
    .addArgument(new Argument('<file>', 'the configuration; YAML or JSON'))
    .addOption(
      new Option(
        '--for <program>',
        'who is to read it; else it is told by the settings that only one of them has',
      ).choices(CONFIGURED),
    )
    .addOption(new Option('-o, --output <format>', 'form of the answer').choices(FORMATS).default('table'))
    .addHelpText(
      'after',
      '\nExamples:\n  mom4c config check /etc/mom4c/te1.yaml --for task-executor\n      before the service is restarted',
    )
    .exitOverride();
  check.action(async (file: string) => {
    const { checkFile } = await import('./config-check.ts');
    await checkFile(file, check.opts<ConfigCheckOptions>());
  });
  return config;
}
