/**
 * What a task executor remembers of the commands that it got, and of who may command it, over its own death: the test is the
 * manager, at whose letters real executors look.
 */
// Mutations seen red, one each: epochs not written; a command that may not come again under its id; "not begun" told but not kept.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { familyOf } from '@mom4c/lab';
import { doorsOf } from '../support/attack-doors.ts';
import type { Doors } from '../support/attack-doors.ts';
import { DOMAIN, openRange } from '../support/attack-range.ts';
import type { ExecutorName, Range } from '../support/attack-range.ts';
import { playManager } from '../support/hand-made-manager.ts';
import type { HandMadeManager } from '../support/hand-made-manager.ts';
import type { Json } from '../support/hostile-client.ts';
import { freeze } from './processes.ts';

const TEST_MS = { timeout: 120_000 };
const LAB_MS = { timeout: 170_000 };
const NOT_BEGUN = {
  state: 'refused',
  result: undefined,
  error: { code: 'M4C_EXPIRED', detail: 'not begun before its deadline' },
};

let range: Range;
let doors: Doors;
let manager: HandMadeManager;

before(async () => {
  range = await openRange();
  doors = doorsOf(range);
  manager = await playManager(range);
}, LAB_MS);

after(async () => {
  await manager?.stop();
  await range?.down();
});

test(
  'a command that is sent again under its id gets the same answer; its very octets are refused',
  TEST_MS,
  async () => {
    const { refused, direct, attackTe1, forExecutor } = doors;
    const ping = manager.command('te1');
    const octets = await forExecutor('te1', ping);
    assert.deepEqual(await range.manager.ask(doors.executor('te1'), octets), {});
    const first = await manager.result(ping.id);
    assert.equal(first.state, 'ok');
    assert.deepEqual(await manager.sendAgain('te1', ping), {});
    // Its uptime is that of the first time.
    assert.deepEqual(await manager.result(ping.id, 2), first);
    await refused(direct('te1'), 'M4C_REPLAY', 'the same octets', () => attackTe1(octets));
  },
);

test(
  'an inquiry gets what was answered, what is being done, and stops what was not begun',
  TEST_MS,
  async () => {
    const answered = manager.command('te2');
    await manager.send('te2', answered);
    const known = await manager.result(answered.id);

    const agent = agentOf('te2', 'sensor-agent');
    const running = manager.command('te2', { name: 'readsensor', args: { sensor: 'host/load1' } });
    const late = manager.command('te2');
    await freeze(agent);
    try {
      const mark = range.logs.te2.mark();
      await manager.send('te2', running);
      await range.logs.te2.next(mark, 'taken', ({ msg, id }) => msg === 'taken' && id === running.id);
      const asked = [answered.id, running.id, late.id] as string[];
      assert.deepEqual(await manager.send('te2', manager.inquiry('te2', asked)), {});
      assert.deepEqual(await manager.result(answered.id, 2), known);
      assert.deepEqual(await manager.result(late.id), NOT_BEGUN);
    } finally {
      process.kill(agent, 'SIGCONT');
    }
    const done = await manager.result(running.id);
    assert.equal(done.state, 'ok');
    assert.deepEqual(await manager.result(running.id, 2), done, 'for the command and for the inquiry');

    // The command that was held up on its way arrives, now and in the next life.
    const mark = range.logs.te2.mark();
    await manager.send('te2', late);
    assert.deepEqual(await manager.result(late.id, 2), NOT_BEGUN);
    await restart('te2', { signal: 'SIGKILL' });
    await manager.sendAgain('te2', late);
    assert.deepEqual(await manager.result(late.id, 3), NOT_BEGUN);
    const twin = manager.command('te2');
    await manager.send('te2', twin);
    assert.equal((await manager.result(twin.id)).state, 'ok');
    const taken = range.logs.te2.since(mark).filter(({ msg }) => msg === 'taken');
    assert.deepEqual(
      taken.map(({ id }) => id),
      [twin.id],
    );
  },
);

test(
  'what a higher epoch has commanded nobody below it commands again, whoever lets the node in after its death',
  TEST_MS,
  async () => {
    const { generation, revision } = manager.epoch;
    const old = { ...manager.epoch };
    const next = { generation, revision: revision + 1 };
    const ping = async (epoch: Json): Promise<unknown> => {
      const command = manager.command('te1', { epoch });
      const { code } = await manager.send('te1', command);
      return code ?? (await manager.result(command.id)).state;
    };
    assert.equal(await ping(old), 'ok');
    assert.equal(await ping(next), 'ok', 'before its statement was seen');
    assert.equal(await ping(old), 'M4C_EPOCH');
    assert.equal(await ping(next), 'ok');

    await range.domain.node('te1').stop({ signal: 'SIGKILL' });
    // Another domain is far ahead; that is its own affair.
    const file = new DatabaseSync(join(range.state, DOMAIN, 'nodes/te1/state/record.sqlite'), {
      timeout: 5000,
    });
    file.exec("INSERT INTO epochs (issuer, generation, revision) VALUES ('beta.test', 9, 9000)");
    file.close();

    // A deposed manager would let it in.
    const log = range.logs.te1;
    const mark = log.mark();
    const started = range.domain.node('te1').start();
    await log.next(
      mark,
      'M4C_EPOCH',
      ({ msg, code }) => msg.startsWith('not in the cluster') && code === 'M4C_EPOCH',
    );
    // Its twin has not heard of the other one.
    await restart('te2', { signal: 'SIGKILL' });

    manager.epoch = next;
    await manager.lead();
    await started;
    assert.equal(await ping(next), 'ok');
    assert.equal(await ping(old), 'M4C_EPOCH');
    assert.equal(await ping(next), 'ok');
  },
);

/** Resolves when it is in the cluster again: the manager lets it in. */
async function restart(name: ExecutorName, how: { signal: 'SIGKILL' }): Promise<void> {
  const node = range.domain.node(name);
  await node.stop(how);
  await node.start();
}

function agentOf(name: ExecutorName, program: string): number {
  const family = familyOf(range.domain.node(name).process!);
  const agent = family.find(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(program));
  assert.ok(agent, `${name} has no ${program}`);
  return agent.pid;
}
