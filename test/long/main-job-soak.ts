/** The main job for an hour: one lab, a steady load, and nothing may be lost or grow. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Mom4cError } from '@mom4c/core';
import { familyOf, isAlive, startLab, type Lab, type LabDomain, type ProcessIdentity } from '@mom4c/lab';
import type { Requester } from '@mom4c/member';
import { createLogger } from '@mom4c/runtime';
import { openAdministrator } from '../support/administrator-session.ts';
import { makeRunFolder } from '../support/run-folder.ts';
import { type MemoryWatch, watchMemory } from './memory.ts';
import type { Options, Part, PartResult } from './part.ts';

const EXECUTORS = 3;
/** Between two requests, milliseconds: steady, well below what a small machine can do. */
const PAUSE = 200;
const TIMEOUT = 10_000;
const SAMPLE_EVERY = 5_000;
const COMMANDS = ['listsensors', 'ping', 'nodes', 'listsensors'] as const;

export const mainJobSoak: Part = {
  name: 'main-job-soak',
  what:
    'one lab with three executors under a steady load of five requests a second, an hour by default: everything that was accepted ' +
    'has its outcome, every target has one, no process grows or ends, none is left afterwards',
  async run(options) {
    const folder = makeRunFolder('soak');
    try {
      const lab = await startLab({ ...folder.lab, executors: EXECUTORS });
      const family = processesOf(lab.domains[0]!);
      let result: PartResult;
      try {
        result = await soak(lab, options);
      } finally {
        await lab.down();
      }
      const ghosts = family.filter(isAlive);
      return { ...result, faults: [...result.faults, ...ghosts.map(({ pid }) => `process ${pid} is left`)] };
    } finally {
      folder.remove();
    }
  },
};

type Tally = {
  requests: number;
  accepted: number;
  outcomes: number;
  targetsOk: number;
  targetsOther: number;
  /** By code: what ended without an outcome. */
  lost: Record<string, number>;
};

async function soak(lab: Lab, { minutes, say }: Options): Promise<PartResult> {
  const domain = lab.domains[0]!;
  const memory = watchMemory(watchedOf(domain));
  const tally: Tally = { requests: 0, accepted: 0, outcomes: 0, targetsOk: 0, targetsOther: 0, lost: {} };
  const log = createLogger({ name: 'soak', level: 'warn' }, process.stderr);
  const client = await openAdministrator(domain, 'soak', log);
  const end = performance.now() + minutes * 60_000;
  const pending = new Set<Promise<void>>();
  const sampling = setInterval(() => memory.sample(), SAMPLE_EVERY);
  const reporting = setInterval(() => say(JSON.stringify(tally)), 60_000);
  try {
    for (let turn = 0; performance.now() < end; turn++) {
      const one = ask(client.requester, COMMANDS[turn % COMMANDS.length]!, tally);
      pending.add(one);
      void one.finally(() => pending.delete(one));
      await wait(PAUSE);
    }
    await Promise.all(pending);
  } finally {
    clearInterval(sampling);
    clearInterval(reporting);
    await client.close();
  }
  return resultOf(tally, memory, minutes);
}

async function ask(requester: Requester, name: string, tally: Tally): Promise<void> {
  tally.requests += 1;
  try {
    const request = { name, args: {}, targets: undefined, timeout: TIMEOUT };
    const { outcomes } = await requester.send(request, () => (tally.accepted += 1));
    tally.outcomes += 1;
    for (const { state } of outcomes) tally[state === 'ok' ? 'targetsOk' : 'targetsOther'] += 1;
  } catch (thrown) {
    const code = thrown instanceof Mom4cError ? thrown.code : String(thrown);
    tally.lost[code] = (tally.lost[code] ?? 0) + 1;
  }
}

function resultOf(tally: Tally, memory: MemoryWatch, minutes: number): PartResult {
  const { requests, accepted, outcomes, targetsOk, targetsOther, lost } = tally;
  const faults = memory.faults();
  if (accepted !== requests || outcomes !== accepted)
    faults.push(`${requests} requests, ${accepted} accepted, ${outcomes} outcomes: ${JSON.stringify(lost)}`);
  if (targetsOther > 0) faults.push(`${targetsOther} targets without a result`);
  return {
    counts: {
      minutes,
      requests,
      accepted,
      outcomes,
      lost: requests - outcomes,
      'targets answered': targetsOk,
      ...memory.counts(),
    },
    faults,
  };
}

const NODES = ['cm1', ...Array.from({ length: EXECUTORS }, (_, index) => `te${index + 1}`)];

function processesOf(domain: LabDomain): ProcessIdentity[] {
  const leaders = NODES.map((name) => domain.node(name).process!);
  return leaders.flatMap((leader) => familyOf(leader));
}

/** The manager, an executor, and what that one has started: its bus and its agent. */
function watchedOf(domain: LabDomain): Record<string, number> {
  const executor = domain.node('te1').process!;
  const offspring = familyOf(executor).filter(({ pid }) => pid !== executor.pid);
  return {
    cm1: domain.node('cm1').process!.pid,
    te1: executor.pid,
    ...Object.fromEntries(offspring.map(({ pid }) => [nameOf(pid), pid])),
  };
}

/** Of what te1 has started: its NATS server, or the program of an agent. */
function nameOf(pid: number): string {
  const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  return line[0]?.endsWith('nats-server') ? "te1's bus" : `te1's ${basename(line[1] ?? String(pid), '.ts')}`;
}
