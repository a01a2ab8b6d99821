/** What else may go wrong around three managers under load, each twice: nothing that was accepted may be lost. */
// Mutations seen red: a journal that cannot be written ignored ("the disk"); values of the counted acts repeated.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { IN_FLIGHT, openFailOverRange } from '../support/fail-over-range.ts';
import type { FailOverRange } from '../support/fail-over-range.ts';
import { handOver, leaderOf, untilLeads, untilStandbys } from '../support/leader.ts';
import { LOSSES } from '../support/losses.ts';
import { settles } from '../support/settles.ts';
import type { SteadyLoad } from '../support/steady-load.ts';

const ROUNDS = 2;
let range: FailOverRange;

before(async () => {
  // Some 25 requests a second: beside other tests a machine that is at its limit would lose leases of itself.
  range = await openFailOverRange({ leaseSeconds: 6, relays: true, restMs: 1500 });
});

/** A round that failed must not be told again by those after it. */
beforeEach(() => range.acts.forget());

after(() => range?.close());

async function goesOn(load: SteadyLoad, when: string): Promise<void> {
  await settles(load.progress(2 * IN_FLIGHT), `outcomes ${when}`);
}

async function finish(load: SteadyLoad): Promise<void> {
  await goesOn(load, 'after the loss');
  const { lost, accepted } = await load.end();
  assert.deepEqual(lost, {}, `of ${accepted} accepted`);
  assert.deepEqual(range.acts.twice(), [], `of ${range.acts.count} acts`);
}

for (const { name, served, strike } of LOSSES)
  for (let round = 1; round <= ROUNDS; round++)
    test(`${name}, round ${round}`, async () => {
      const { load, leader } = await range.begin();
      const mend = await strike(range, leader);
      if (served) await goesOn(load, 'while it is lost');
      await mend();
      await finish(load);
    });

/** Until there is no room. */
function fill(file: string): void {
  const block = Buffer.alloc(65_536);
  try {
    for (;;) appendFileSync(file, block);
  } catch (thrown) {
    assert.equal((thrown as NodeJS.ErrnoException).code, 'ENOSPC');
  }
}

const mayMount = process.getuid?.() === 0;
test('the disk of the manager that leads is full', { skip: !mayMount && 'mounting needs root' }, async () => {
  const { domain, admin, folder } = range;
  const { name } = await leaderOf(admin.requester);
  const manager = domain.node(name);
  const state = join(dirname(manager.process!.logFile), 'state');
  await manager.stop();
  const kept = join(folder, 'state');
  execFileSync('cp', ['-a', state, kept]);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=700', 'tmpfs', state]);
  try {
    execFileSync('cp', ['-a', `${kept}/.`, state]);
    await manager.start();
    await settles(untilStandbys(admin.requester, 2), 'two that stand by');
    await settles(handOver(admin.requester, name), 'the hand-over');
    const { load, leader } = await range.begin();
    assert.equal(leader, name);
    fill(join(state, 'ballast'));
    // As soon as the journal needs more room than it has, it steps down.
    await settles(
      untilLeads(admin.requester, (other) => other !== name),
      'another one that leads',
    );
    await goesOn(load, 'with a full disk');
    rmSync(join(state, 'ballast'));
    await finish(load);
  } finally {
    await manager.stop();
    execFileSync('umount', [state]);
    await manager.start();
  }
});
