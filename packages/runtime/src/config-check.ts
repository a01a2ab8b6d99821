/** All that is wrong with a configuration, at once: for `--check-config` of every program, and `mom4c config check`. */
import { EXIT, asMom4cError, systemClock, systemRandom, uuidv7 } from '@mom4c/core';
import * as z from 'zod';
import { configFile } from './arguments.ts';
import { examineConfig } from './config.ts';
import type { ConfigSources } from './config.ts';
import { pathFaults } from './config-files.ts';

const findingSchema = z.strictObject({
  level: z.enum(['fault', 'warning']),
  /** `xmpp.port`; `file` for the file itself. */
  path: z.string().max(500),
  /** What is wrong; never holds the value, which could be a secret. */
  reason: z.string().max(5000),
  expected: z.string().max(1000).optional(),
  /** What was probably meant, or what to do. */
  hint: z.string().max(5000).optional(),
});
export const configReportSchema = z.strictObject({ findings: z.array(findingSchema).max(1000) });

export type ConfigFinding = z.output<typeof findingSchema>;
export type ConfigReport = z.output<typeof configReportSchema>;

/** @param also rules between settings that a schema does not say; asked only once the schema fits */
export function checkConfig<Shape extends z.ZodObject>(
  schema: Shape,
  sources: ConfigSources,
  also: (settings: z.output<Shape>) => readonly ConfigFinding[] = () => [],
): ConfigReport {
  const { faults, paths, settings } = examineConfig(schema, sources);
  const findings: ConfigFinding[] = [
    ...faults.map((fault) => ({ level: 'fault' as const, ...fault })),
    ...paths.flatMap(({ setting, path, kind }) => pathFaults(setting, path, kind)),
    ...(settings === undefined ? [] : also(settings)),
  ];
  return { findings };
}

const FLAG = '--check-config';

/**
 * For a program that is started as `… --config FILE --check-config`: writes its report to standard output as a line of
 * JSON, and sets the exit code. @returns false if that was not asked for
 */
export function answersCheck<Shape extends z.ZodObject>(
  schema: Shape,
  args: readonly string[],
  also?: (settings: z.output<Shape>) => readonly ConfigFinding[],
): boolean {
  if (!args.includes(FLAG)) return false;
  try {
    const others = args.filter((arg) => arg !== FLAG);
    const report = checkConfig(schema, { file: configFile(others), env: process.env }, also);
    process.stdout.write(`${JSON.stringify(report)}\n`);
    process.exitCode = report.findings.some(({ level }) => level === 'fault') ? EXIT.config : EXIT.ok;
  } catch (thrown) {
    const error = asMom4cError(thrown, () => uuidv7(systemClock, systemRandom));
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.entry.exit;
  }
  return true;
}
