import { Command as Verb, Option } from 'commander';
import type { DoctorOptions } from './doctor/doctor.ts';
import { FORMATS } from './formats.ts';

export function doctorVerb(): Verb {
  const doctor = new Verb('doctor')
    .summary('Say what is wrong between this machine and its domain, and how to mend it.')
    .description(
      'Checks the profile and its files, the own certificate, the authority, the clock, the servers, the cluster manager, ' +
        'its bus, the nodes, and the links to partners; each with what to do about it. What rests on something that failed is skipped. It ' +
        'changes nothing, enrols nobody and shows no secret.\n\n' +
        'Exit codes: 0 all is well, perhaps with warnings; else that of the first line that failed (docs/errors.md).',
    )
    .addOption(new Option('-o, --output <format>', 'form of the answer').choices(FORMATS).default('table'))
    .addHelpText('after', '\nExamples:\n  mom4c doctor\n  mom4c doctor -o json');
  return doctor.action(async () => {
    const { runDoctor } = await import('./doctor/doctor.ts');
    await runDoctor(doctor.optsWithGlobals<DoctorOptions>());
  });
}
