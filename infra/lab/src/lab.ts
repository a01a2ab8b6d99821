/** Whole domains on this machine, in one folder; for the demo, tests and benchmarks alike. */
import { chmodSync, mkdirSync, rmSync, rmdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Mom4cError, systemRandom } from '@mom4c/core';
import { all } from './all.ts';
import { createDomain, openDomain } from './domain.ts';
import type { DomainContext, DomainDescription, LabDomain } from './domain.ts';
import { signalProcess } from './keeper.ts';
import type { ProcessRecord } from './keeper.ts';
import { planOf } from './lab-plan.ts';
import type { LabOptions } from './lab-plan.ts';
import { createState, readState, stateFiles, writeState } from './lab-state.ts';
import type { DomainState, LabState } from './lab-state.ts';
import { isPortTaken, releasePorts } from './ports.ts';
import { familyOf, identify, isAlive } from './process-table.ts';

export type LabDescription = { domains: DomainDescription[] };

export type Lab = {
  readonly folder: string;
  readonly domains: readonly LabDomain[];
  /** @throws Mom4cError M4C_LAB if there is none of that name */
  domain(name: string): LabDomain;
  describe(): LabDescription;
  /**
   * Stops everything in reverse order, checks that nothing is left, and removes what the lab made in its folder.
   * @throws Mom4cError M4C_LAB naming what is left
   */
  down(): Promise<void>;
};

/**
 * Starts a lab; what a dead one has left in the folder is cleared before. If it fails, nothing runs, and the folder
 * stays for its logs. @throws Mom4cError M4C_LAB, M4C_PACKAGE_MISSING, M4C_USAGE, M4C_STOPPED
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  const folder = resolve(options.folder);
  const { progress = () => {}, random = systemRandom } = options;
  const plan = await planOf(options);
  const state: LabState = { format: 1, owner: identify(process.pid)!, domains: [] };
  await claim(folder, state, progress);

  let failure: unknown;
  const close = () => {
    failure ??= new Mom4cError('M4C_STOPPED', 'the lab was not started to its end');
    for (const one of state.domains.flatMap(processesOf)) signalProcess(one, 'SIGKILL');
  };
  const checkOpen = () => {
    if (failure !== undefined) throw failure;
  };
  const contexts = () => contextsOf(folder, state, { random, progress, checkOpen });
  if (options.signal?.aborted) close();
  options.signal?.addEventListener('abort', close);
  try {
    for (const domain of plan) addFolder(folder, state, domain);
    const create = (context: DomainContext) =>
      createDomain(context).catch((error: unknown) => {
        // The others stop at their next step.
        failure ??= error;
        throw failure;
      });
    return labOf(folder, state, await all(contexts().map(create)));
  } catch (error) {
    await stopEverything(folder, state, contexts().map(openDomain));
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', close);
  }
}

/** The lab whose state is in this folder, running or not; undefined if there is none. @throws Mom4cError M4C_LAB */
export function openLab(folder: string, progress: (line: string) => void = () => {}): Lab | undefined {
  const path = resolve(folder);
  const state = readState(path);
  if (!state) return undefined;
  const contexts = contextsOf(path, state, { random: systemRandom, progress, checkOpen: () => {} });
  return labOf(path, state, contexts.map(openDomain));
}

/** Makes the folder, if need be, and puts our mark into it. */
async function claim(folder: string, state: LabState, progress: (line: string) => void): Promise<void> {
  // Open, so that servers under users of their own get to their folders, which are closed. A folder that was there
  // keeps its mode.
  if (mkdirSync(folder, { recursive: true }) !== undefined) chmodSync(folder, 0o711);
  const old = readState(folder);
  const running = old && [old.owner, ...old.domains.flatMap(processesOf)].some(isAlive);
  if (running)
    throw new Mom4cError('M4C_LAB', `a lab runs in ${folder} already; end it with \`mom4c lab down\``);
  if (old) {
    progress(`clears what a former lab has left in ${folder}`);
    await openLab(folder)?.down();
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o711);
  }
  createState(folder, state);
}

/** What stands in the state may be deleted: so the folder must not have been there before. */
function addFolder(folder: string, state: LabState, domain: DomainState): void {
  const own = join(folder, domain.name);
  try {
    mkdirSync(own);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    throw new Mom4cError('M4C_LAB', `${own} is there already, and is no lab's`, { cause });
  }
  chmodSync(own, 0o711);
  state.domains.push(domain);
  writeState(folder, state);
}

function contextsOf(
  folder: string,
  state: LabState,
  common: Pick<DomainContext, 'random' | 'progress' | 'checkOpen'>,
): DomainContext[] {
  const save = () => writeState(folder, state);
  return state.domains.map((domain) => ({
    ...common,
    folder: join(folder, domain.name),
    state: domain,
    save,
  }));
}

function labOf(folder: string, state: LabState, domains: readonly LabDomain[]): Lab {
  return {
    folder,
    domains,
    domain(name) {
      const found = domains.find((candidate) => candidate.name === name);
      if (!found)
        throw new Mom4cError(
          'M4C_LAB',
          `there is no domain ${JSON.stringify(name.slice(0, 80))} in this lab`,
        );
      return found;
    },
    describe: () => ({ domains: domains.map((domain) => domain.describe()) }),
    down: () => takeDown(folder, state, domains),
  };
}

async function takeDown(folder: string, state: LabState, domains: readonly LabDomain[]): Promise<void> {
  await stopEverything(folder, state, domains);
  for (const { name } of state.domains) rmSync(join(folder, name), { recursive: true, force: true });
  for (const file of stateFiles) rmSync(join(folder, file), { force: true });
  removeIfEmpty(folder);
}

async function stopEverything(folder: string, state: LabState, domains: readonly LabDomain[]): Promise<void> {
  const processes = state.domains.flatMap(processesOf);
  const components = domains.flatMap((domain) => domain.components);
  for (const kind of ['adapter', 'te', 'cm', 'authority', 'server'] as const)
    await all(components.filter((part) => part.kind === kind).map((part) => part.stop()));

  const ports = state.domains.flatMap((domain) => [
    domain.adminPort,
    ...(domain.people ? [domain.people.componentPort] : []),
    ...domain.components.map((part) => part.port),
  ]);
  releasePorts(ports);
  const left = processes.flatMap(familyOf).map(({ pid }) => `pid ${pid}`);
  for (const port of ports) if (await isPortTaken(port)) left.push(`port ${port}`);
  if (left.length > 0)
    throw new Mom4cError('M4C_LAB', `still there: ${left.join(', ')}; the state stays in ${folder}`);
}

function processesOf(domain: DomainState): ProcessRecord[] {
  return domain.components.map((part) => part.process).filter((process) => process !== undefined);
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'EBUSY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
