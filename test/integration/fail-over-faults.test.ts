/** Three managers under load: the one that leads hangs, a server that all need is away, a disk is full. Nothing accepted is lost. */
// Mutations seen red: a journal that cannot be written ignored ("the disk"); values of the counted acts repeated.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { faultRounds, ROUNDS } from '../support/fault-rounds.ts';
import { handOver, leaderOf, untilLeads, untilStandbys } from '../support/leader.ts';
import { OUTAGES } from '../support/losses.ts';
import { settles } from '../support/settles.ts';

const rounds = faultRounds(OUTAGES, { relays: false });

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
for (let round = 1; round <= ROUNDS; round++)
  test(
    `the disk of the manager that leads is full, round ${round}`,
    { skip: !mayMount && 'mounting needs root' },
    fillDisk,
  );

async function fillDisk(): Promise<void> {
  const { domain, admin, folder } = rounds.range;
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
    const { load, leader } = await rounds.range.begin();
    assert.equal(leader, name);
    fill(join(state, 'ballast'));
    // As soon as the journal needs more room than it has, it steps down.
    await settles(
      untilLeads(admin.requester, (other) => other !== name),
      'another one that leads',
    );
    await rounds.goesOn(load, 'with a full disk');
    rmSync(join(state, 'ballast'));
    await rounds.finish(load);
  } finally {
    await manager.stop();
    execFileSync('umount', [state]);
    await manager.start();
  }
}
