/**
 * Three machines, each with a manager and a NATS server: any one is lost whole under load, then two at once. Nothing that was
 * accepted is lost, nothing is done twice, and without a majority nothing is accepted.
 *
 * Mutations seen red: who repeats a request begins it anew behind the first one (where the server that is left leads the stream of
 * commands); a manager whose lease has run out leaves the address.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { openLab, startLab } from '@mom4c/lab';
import type { LabDomain, LabMachine } from '@mom4c/lab';
import { openAdministrator } from '../support/administrator-session.ts';
import type { AdministratorSession } from '../support/administrator-session.ts';
import { countedActs } from '../support/counted-acts.ts';
import type { CountedActs } from '../support/counted-acts.ts';
import { LIGHT_LOAD } from '../support/fail-over-range.ts';
import { leaderOf, untilStandbys } from '../support/leader.ts';
import { lose, noMachines, restore, streamsLeader } from '../support/lost-machines.ts';
import { openNodeLog } from '../support/node-log.ts';
import { settles } from '../support/settles.ts';
import { steadyLoad } from '../support/steady-load.ts';
import type { SteadyLoad } from '../support/steady-load.ts';

const { inFlight, restMs } = LIGHT_LOAD;
const EXECUTORS = ['te1', 'te2'];

suite('three machines', { skip: noMachines }, () => {
  let folder: string;
  let domain: LabDomain;
  let admin: AdministratorSession;
  let acts: CountedActs;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mom4c-machines-'));
    // A command outlives the longest time without a majority.
    acts = countedActs(folder, EXECUTORS, 60_000);
    const lab = await startLab({
      ...{ folder: join(folder, 'lab'), managers: 3, machines: 3, executors: EXECUTORS.length },
      nodeSettings: acts.nodeSettings,
    });
    domain = lab.domains[0]!;
    admin = await openAdministrator(domain, 'test');
  });

  after(async () => {
    await admin?.close();
    // As somebody would who finds the state of a lab whose process has crashed.
    await openLab(join(folder, 'lab'))?.down();
    await acts?.close();
    rmSync(folder, { recursive: true, force: true });
    for (const { namespace } of domain?.machines ?? [])
      assert.equal(existsSync(`/run/netns/${namespace}`), false, namespace);
  });

  async function begin(): Promise<{ load: SteadyLoad; active: LabMachine; streams: LabMachine }> {
    await settles(untilStandbys(admin.requester, 2), 'two that stand by');
    const { name } = await leaderOf(admin.requester);
    const active = domain.machines.find(({ manager }) => manager.name === name)!;
    const streams = await settles(streamsLeader(domain, active), "that the streams' leader is elsewhere");
    acts.forget();
    const load = steadyLoad(admin.requester, inFlight, () => acts.next(), restMs);
    await settles(load.progress(inFlight), 'the first outcomes');
    return { load, active, streams };
  }

  async function finish(load: SteadyLoad): Promise<void> {
    await settles(load.progress(2 * inFlight), 'outcomes after the fault');
    const { lost, accepted } = await load.end();
    assert.deepEqual(lost, {}, `of ${accepted} accepted`);
    assert.deepEqual(acts.twice(), [], `of ${acts.count} acts`);
  }

  for (const [what, farewell, choose] of [
    ['of the manager that leads', 'crash', (active: LabMachine) => [active]],
    ["of the streams' leader", 'silence', (_: LabMachine, streams: LabMachine) => [streams]],
    [
      'that is neither',
      'crash',
      (active: LabMachine, streams: LabMachine) =>
        domain.machines.filter((machine) => machine !== active && machine !== streams),
    ],
  ] as const)
    test(`the machine ${what} is lost, and comes back`, async () => {
      const { load, active, streams } = await begin();
      const [lost] = choose(active, streams);
      await lose(lost!, farewell);
      await settles(load.progress(2 * inFlight), 'outcomes without it');
      await restore(lost!);
      await finish(load);
    });

  test('without two machines nothing is accepted, and all goes on when they are back', async () => {
    const { load, active } = await begin();
    const others = domain.machines.filter((machine) => machine !== active);
    const log = openNodeLog(active.manager.process!.logFile);
    const mark = log.mark();
    await Promise.all(others.map((machine) => lose(machine)));
    let accepted = 0;
    const refused = (): Promise<void> => {
      const asking = admin.requester.send(acts.next(), () => (accepted += 1));
      return assert.rejects(settles(asking, 'a refusal'), { code: 'M4C_NO_QUORUM' });
    };
    const withLease = refused();
    await log.next(mark, 'the end of the lease', ({ msg }) => msg === 'does not lead any more');
    const before = load.account.accepted;
    await Promise.all([withLease, refused()]);
    assert.equal(accepted, 0);
    assert.equal(load.account.accepted, before);
    await restore(...others);
    await finish(load);
  });
});
