/** Whole domains on this machine, in one folder; for the demo, tests and benchmarks alike. */
import { chmodSync, mkdirSync, rmSync, rmdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Mom4cError, systemClock, systemRandom } from '@mom4c/core';
import { all } from './all.ts';
import { component } from './component.ts';
import { openDomain, prepareDomain, startDomain } from './domain.ts';
import type { DomainContext, DomainDescription, LabDomain } from './domain.ts';
import { openFederation } from './federation.ts';
import type { Federation } from './federation.ts';
import { gatewayDescriptor } from './gateway.ts';
import { signalProcess } from './keeper.ts';
import type { ProcessRecord, StopOptions } from './keeper.ts';
import { labIdp } from './lab-idp.ts';
import type { LabIdp } from './lab-idp.ts';
import { idpOf, planOf, portsOf } from './lab-plan.ts';
import type { LabOptions } from './lab-plan.ts';
import { createState, readState, stateFiles, writeState } from './lab-state.ts';
import type { ComponentState, LabState } from './lab-state.ts';
import { removeMachines } from './machines.ts';
import { isPortTaken, releasePorts } from './ports.ts';
import { familyOf, identify, isAlive } from './process-table.ts';

/** Folder of the federation's operator. */
const FEDERATION = 'federation';

/** A lab's servers have nothing to put in order, since their data are about to be deleted; ejabberd takes a second for it. */
const STOPPING: Partial<Record<ComponentState['kind'], StopOptions>> = { server: { signal: 'SIGKILL' } };

export type LabDescription = {
  domains: DomainDescription[];
  /** Absent: there is no identity provider. */
  federation?: FederationDescription;
};

/** Paths of PEM files and of the signed metadata. */
export type FederationDescription = Federation['files'] & {
  idp: { entityId: string; port: number; pid: number | undefined };
};

export type Lab = {
  readonly folder: string;
  readonly domains: readonly LabDomain[];
  /** @throws Mom4cError M4C_LAB if there is none of that name */
  domain(name: string): LabDomain;
  /** @throws Mom4cError M4C_LAB if there is none */
  readonly idp: LabIdp;
  /** The operator of the federation. @throws Mom4cError M4C_LAB if there is no identity provider */
  readonly federation: Federation;
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
  const idp = await idpOf(options);
  const state: LabState = { format: 1, owner: identify(process.pid)!, domains: [] };
  await claim(folder, state, progress);

  let failure: unknown;
  const close = () => {
    failure ??= new Mom4cError('M4C_STOPPED', 'the lab was not started to its end');
    for (const one of allProcesses(state)) signalProcess(one, 'SIGKILL');
  };
  const checkOpen = () => {
    if (failure !== undefined) throw failure;
  };
  const contexts = () => contextsOf(folder, state, { random, progress, checkOpen });
  if (options.signal?.aborted) close();
  options.signal?.addEventListener('abort', close);
  try {
    for (const domain of plan) {
      makeFolder(folder, domain.name);
      state.domains.push(domain);
      writeState(folder, state);
    }
    if (idp) addIdp(folder, state, idp);
    // The others stop at their next step.
    const failing = (error: unknown): never => {
      failure ??= error;
      throw failure;
    };
    const prepared = contexts().map((context) => prepareDomain(context).catch(failing));
    const idpReady = createIdp(folder, state, { random, progress, checkOpen }).catch(failing);
    await all<unknown>([...prepared, idpReady]);
    await publishMetadata(folder, state, progress);
    const tokens = await all(prepared);
    const started = contexts().map((context, index) => startDomain(context, tokens[index]!).catch(failing));
    return labOf(folder, state, await all(started));
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
  const running = old && [old.owner, ...allProcesses(old)].some(isAlive);
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
function makeFolder(folder: string, name: string): void {
  const own = join(folder, name);
  try {
    mkdirSync(own);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    throw new Mom4cError('M4C_LAB', `${own} is there already, and is no lab's`, { cause });
  }
  chmodSync(own, 0o711);
}

function addIdp(folder: string, state: LabState, idp: ComponentState): void {
  makeFolder(folder, FEDERATION);
  state.idp = idp;
  writeState(folder, state);
}

type Making = Pick<DomainContext, 'random' | 'progress' | 'checkOpen'>;

/** Makes the federation's keys, and starts its identity provider; if there is to be one. */
async function createIdp(folder: string, state: LabState, making: Making): Promise<void> {
  const federation = federationOf(folder, state);
  if (!federation) return;
  await federation.create();
  making.checkOpen();
  await idpOfLab(folder, state, federation, making).start();
}

/** Every gateway's descriptor goes to the operator, who signs them: their certificates are there by now. */
async function publishMetadata(
  folder: string,
  state: LabState,
  progress: (line: string) => void,
): Promise<void> {
  const federation = federationOf(folder, state);
  if (!federation) return;
  await federation.write(
    state.domains.map((domain) => gatewayDescriptor({ folder: join(folder, domain.name), state: domain })),
  );
  progress('the metadata of the federation are signed');
}

function federationOf(folder: string, state: LabState): Federation | undefined {
  return (
    state.idp &&
    openFederation({
      folder: join(folder, FEDERATION),
      domains: state.domains.map(({ name }) => name),
      idpPort: state.idp.port,
      random: systemRandom,
      clock: systemClock,
    })
  );
}

function idpOfLab(
  folder: string,
  state: LabState,
  federation: Federation,
  { progress, checkOpen }: Pick<Making, 'progress' | 'checkOpen'>,
): LabIdp {
  const save = () => writeState(folder, state);
  const part = component(state.idp!, save, async (onStart) => {
    checkOpen();
    await federation.startIdp(onStart);
    progress('the identity provider is ready');
  });
  return labIdp(part, federation);
}

function contextsOf(
  folder: string,
  state: LabState,
  common: Pick<DomainContext, 'random' | 'progress' | 'checkOpen'>,
): DomainContext[] {
  const save = () => writeState(folder, state);
  const federation = federationOf(folder, state);
  return state.domains.map((domain) => ({
    ...common,
    federation,
    folder: join(folder, domain.name),
    state: domain,
    save,
  }));
}

function labOf(folder: string, state: LabState, domains: readonly LabDomain[]): Lab {
  const federation = federationOf(folder, state);
  const silently = { progress: () => {}, checkOpen: () => {} };
  const idp = federation && idpOfLab(folder, state, federation, silently);
  const present = <T>(one: T | undefined): T => {
    if (!one) throw new Mom4cError('M4C_LAB', 'this lab has no identity provider: start it with --idp');
    return one;
  };
  return {
    folder,
    domains,
    get idp() {
      return present(idp);
    },
    get federation() {
      return present(federation);
    },
    domain(name) {
      const found = domains.find((candidate) => candidate.name === name);
      if (!found)
        throw new Mom4cError(
          'M4C_LAB',
          `there is no domain ${JSON.stringify(name.slice(0, 80))} in this lab`,
        );
      return found;
    },
    describe: () => ({
      domains: domains.map((domain) => domain.describe()),
      ...(federation && {
        federation: {
          ...federation.files,
          idp: { entityId: federation.idp.entityId, port: idp!.port, pid: idp!.process?.pid },
        },
      }),
    }),
    down: () => takeDown(folder, state, domains),
  };
}

async function takeDown(folder: string, state: LabState, domains: readonly LabDomain[]): Promise<void> {
  await stopEverything(folder, state, domains);
  const made = [...state.domains.map(({ name }) => name), ...(state.idp ? [FEDERATION] : [])];
  for (const name of made) rmSync(join(folder, name), { recursive: true, force: true });
  for (const file of stateFiles) rmSync(join(folder, file), { force: true });
  removeIfEmpty(folder);
}

async function stopEverything(folder: string, state: LabState, domains: readonly LabDomain[]): Promise<void> {
  const processes = allProcesses(state);
  const components = domains.flatMap((domain) => domain.components);
  for (const kind of ['adapter', 'gateway', 'te', 'cm', 'authority', 'server'] as const)
    await all(components.filter((part) => part.kind === kind).map((part) => part.stop(STOPPING[kind])));
  const save = () => writeState(folder, state);
  if (state.idp) await component(state.idp, save, async () => {}).stop();

  for (const { machines } of state.domains) if (machines) await removeMachines(machines);

  const ports = [...(state.idp ? [state.idp.port] : []), ...state.domains.flatMap(portsOf)];
  releasePorts(ports);
  const left = processes.flatMap(familyOf).map(({ pid }) => `pid ${pid}`);
  for (const port of ports) if (await isPortTaken(port)) left.push(`port ${port}`);
  if (left.length > 0)
    throw new Mom4cError('M4C_LAB', `still there: ${left.join(', ')}; the state stays in ${folder}`);
}

function allProcesses({ domains, idp }: LabState): ProcessRecord[] {
  return [...domains.flatMap(({ components }) => components), ...(idp ? [idp] : [])]
    .map((part) => part.process)
    .filter((process) => process !== undefined);
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'EBUSY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
