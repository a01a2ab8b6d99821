/** One seed: a minute of faults, a minute without, and what must hold then. */
import type { Uuid } from '@mom4c/core';
import { Faults } from './faults.ts';
import { requestsOf } from './requests.ts';
import { Scene } from './scene.ts';
import { World } from './world.ts';

const FAULTS_MS = 60_000;
/** For the longest lease and the longest deadline. */
const QUIET_MS = 50_000;
const LAST: Uuid = 'last' as Uuid;

export type Run = {
  readonly faults: readonly string[];
  readonly hash: string;
  readonly lines: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
};

export async function simulate(seed: number): Promise<Run> {
  const world = new World(seed);
  const scene = new Scene(world);
  const faults = new Faults(scene);
  for (const site of scene.managers) world.after(world.between(0, 3_000), () => scene.startManager(site));
  for (const site of scene.executors)
    if (site !== scene.absent) world.after(world.between(0, 3_000), () => scene.startExecutor(site));
  requestsOf(scene, FAULTS_MS);
  faults.begin(FAULTS_MS);
  await world.run(FAULTS_MS);
  faults.end();
  await world.run(FAULTS_MS + QUIET_MS / 2);
  const targets = scene.executors.filter((site) => site !== scene.absent).map(({ machine }) => machine.name);
  scene.request({ id: LAST, once: true, targets, timeout: 5_000 }, world.time + 5_000);
  await world.run(FAULTS_MS + QUIET_MS);
  judge(scene);
  const { witness, log, lease } = scene;
  return {
    faults: witness.faults,
    hash: world.hash(),
    lines: world.lines,
    counts: {
      ...witness.counts,
      accepted: witness.accepted.size,
      records: log.records.length,
      revisions: lease.entry?.revision ?? 0,
    },
  };
}

/** The faults are over. */
function judge({ managers, witness, log }: Scene): void {
  const holding = managers.filter(({ program }) => program?.candidate.holding);
  const leading = holding.filter(({ program }) => program?.term?.open);
  if (holding.length !== 1 || leading.length !== 1)
    witness.fault(`${holding.length} hold the lease and ${leading.length} lead when all is well again`);
  for (const { machine, disk } of managers) {
    if (disk.state.position !== log.records.length) witness.fault(`${machine.name} has not followed the log`);
    for (const id of witness.accepted)
      if (disk.state.entries.get(id)?.outcome === undefined)
        witness.fault(`${id} was accepted and has no outcome`);
    for (const [id, { outcome }] of disk.state.entries) {
      const said = witness.outcomes.get(id);
      if (said !== undefined && said !== outcome)
        witness.fault(`the log and the requester differ about ${id}`);
    }
  }
  const last = witness.outcomes.get(LAST);
  if (!last || (JSON.parse(last) as { state: string }[]).some(({ state }) => state !== 'ok'))
    witness.fault(`a command in good times ended as ${last}`);
}
