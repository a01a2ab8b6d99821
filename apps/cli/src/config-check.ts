/** Which program a configuration is for, what that program finds in it, and how it is shown. */
import { execFile } from 'node:child_process';
import { EXIT, Mom4cError, formatTable, printable } from '@mom4c/core';
import { adminSettings, identityFindings } from '@mom4c/member';
import { checkConfig, configReportSchema, readConfig } from '@mom4c/runtime';
import type { ConfigFinding, ConfigReport } from '@mom4c/runtime';
import type { Format } from './formats.ts';
import { programPath } from './programs.ts';
import type { Configured, ProgramName } from './programs.ts';
import { written } from './written.ts';

export type ConfigCheckOptions = { for?: Configured; output: Format };

export async function checkFile(file: string, options: ConfigCheckOptions): Promise<void> {
  const program = options.for ?? programOf(file);
  const { findings } =
    program === 'cli'
      ? checkConfig(adminSettings, { file, env: process.env }, identityFindings)
      : await askProgram(program, file);
  const faults = findings.filter(({ level }) => level === 'fault').length;
  const shown: Shown = { file, for: program, findings };
  process.stdout.write(written(shown, options.output, () => tableOf(shown)));
  process.exitCode = faults > 0 ? EXIT.config : EXIT.ok;
}

/** Settings that only one of them has. */
const OWN: readonly (readonly [string, Configured])[] = [
  ['scep', 'certificate-authority'],
  ['s2s', 'federation-gateway'],
  ['nats', 'cluster-manager'],
  ['component', 'command-adapter'],
  ['sensors', 'task-executor'],
  ['labels', 'task-executor'],
  ['admin', 'cli'],
];

/** @throws Mom4cError M4C_USAGE if the file does not tell, M4C_CONFIG if it cannot be read */
function programOf(file: string): Configured {
  const settings = readConfig(file);
  const found = OWN.find(([setting]) => Object.hasOwn(settings, setting));
  if (!found) throw new Mom4cError('M4C_USAGE', `${file} could be for several programs: name one with --for`);
  return found[1];
}

const LIMIT_MS = 30_000;
const MAX_REPORT = 4 * 1024 * 1024;

/** The program itself checks what it would read. @throws Mom4cError M4C_PACKAGE_MISSING, M4C_PEER */
function askProgram(program: ProgramName, file: string): Promise<ConfigReport> {
  const args = [programPath(program), '--config', file, '--check-config'];
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      args,
      { timeout: LIMIT_MS, maxBuffer: MAX_REPORT },
      (_error, stdout, stderr) => {
        const report = parse(stdout);
        if (report) resolve(report);
        else reject(new Mom4cError('M4C_PEER', `${program} gave no report: ${stderr.slice(0, 200)}`));
      },
    );
  });
}

function parse(stdout: string): ConfigReport | undefined {
  try {
    return configReportSchema.parse(JSON.parse(stdout));
  } catch {
    return undefined;
  }
}

type Shown = { file: string; for: Configured; findings: readonly ConfigFinding[] };

function tableOf({ file, for: program, findings }: Shown): string {
  if (findings.length === 0) return `${printable(file)} fits: ${program}\n`;
  const rows = findings.map(({ level, path, reason, expected = '', hint = '' }) => [
    level,
    path,
    reason,
    expected,
    hint,
  ]);
  return formatTable(['level', 'setting', 'what is wrong', 'expected', 'hint'], rows);
}
