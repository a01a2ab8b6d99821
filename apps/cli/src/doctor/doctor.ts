/** `mom4c doctor`: the checks and what each rests on, and how they are shown. */
import { ERRORS, EXIT, formatTable } from '@mom4c/core';
import type { Format } from '../formats.ts';
import type { ProfileOptions } from '../profile.ts';

import { progressOn } from '../terminal.ts';
import { written } from '../written.ts';
import { checkBus, checkLogIn, checkManager, checkNodes, checkVersions } from './cluster-checks.ts';
import { examine } from './examination.ts';
import type { Check, Finding } from './examination.ts';
import { checkFederation } from './federation-check.ts';
import { checkAuthority, checkCertificate, checkFiles, checkProfile } from './own-checks.ts';
import {
  checkAdminService,
  checkClock,
  checkDirectory,
  checkPublished,
  checkScep,
  checkXmpp,
} from './server-checks.ts';

export type DoctorOptions = ProfileOptions & { output: Format };

/** The manager is asked for ten seconds, and then has five to answer. */
const MANAGER_MS = 20_000;

export async function runDoctor(options: DoctorOptions): Promise<void> {
  const progress = progressOn(process.stderr);
  progress.show('looking…');
  const stops: (() => void | Promise<void>)[] = [];
  try {
    const findings = await findingsOf(options, (stop) => stops.push(stop));
    progress.end();
    process.stdout.write(written({ findings }, options.output, () => tableOf(findings)));
    process.exitCode = exitCodeOf(findings);
  } finally {
    progress.end();
    for (const stop of stops.reverse()) await stop();
  }
}

/** In the order of what rests on what: the first that failed is the one to mend. */
async function findingsOf(
  options: ProfileOptions,
  onStop: (stop: () => void | Promise<void>) => void,
): Promise<Finding[]> {
  const profile = examine('profile', {}, () => checkProfile(options));
  const files = examine('files', { from: profile }, checkFiles);
  const clock = examine('clock', { from: files }, checkClock);
  // Whether a certificate is valid is a question to the clock, with TLS too.
  const own = examine('certificate', { from: files, after: [clock] }, checkCertificate);
  const authority = examine('authority', { from: own }, checkAuthority);
  const scep = examine('scep', { from: own }, checkScep);
  const admin = examine('admin service', { from: own }, checkAdminService);
  const xmpp = examine('xmpp', { from: own }, checkXmpp);
  const directory = examine('directory', { from: own }, checkDirectory);
  const published = examine('published', { from: directory }, checkPublished);
  const logIn = examine('log-in', { from: own, after: [authority, xmpp, published] }, (value, signal) =>
    checkLogIn(value, signal, onStop),
  );
  const manager = examine('manager', { from: logIn }, checkManager, MANAGER_MS);
  const bus = examine('bus', { from: manager }, checkBus);
  const versions = examine('versions', { from: manager }, checkVersions);
  const nodes = examine('nodes', { from: manager }, checkNodes);
  const federation = examine('federation', { from: logIn, after: [bus] }, checkFederation, MANAGER_MS);
  const all: Promise<Check<unknown>>[] = [
    profile,
    files,
    clock,
    own,
    authority,
    scep,
    admin,
    xmpp,
    directory,
    published,
    logIn,
    manager,
    bus,
    versions,
    nodes,
    federation,
  ];
  return (await Promise.all(all)).map(({ finding }) => finding);
}

function exitCodeOf(findings: readonly Finding[]): number {
  const first = findings.find(({ level }) => level === 'fail');
  return first?.code === undefined ? EXIT.ok : ERRORS[first.code].exit;
}

function tableOf(findings: readonly Finding[]): string {
  const rows = findings.map(({ check, level, says, remedy }) => [check, level, says, remedy ?? '']);
  return formatTable(['check', 'state', 'what was found', 'what to do'], rows);
}
