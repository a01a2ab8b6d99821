/**
 * What a task executor remembers of the commands that it got, and of who may command it, over its own death: the test is the
 * manager, at whose letters real executors look. Each has an actuator that is a FIFO, so that every act shows.
 */
// Mutations seen red, one each: epochs not written; a command that must not be done twice not written before it begins; what
// was begun and not answered done again.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { familyOf } from '@mom4c/lab';
import { xml } from '@mom4c/xmpp';
import { doorsOf } from '../support/attack-doors.ts';
import type { Doors } from '../support/attack-doors.ts';
import { DOMAIN, OWNER_NICK, ROOM, openRange } from '../support/attack-range.ts';
import type { Devices, ExecutorName, Range } from '../support/attack-range.ts';
import { ask } from '../support/cli.ts';
import type { Fifo } from '../support/fifo.ts';
import { makeLed } from '../support/led.ts';
import { playManager } from '../support/hand-made-manager.ts';
import type { HandMadeManager } from '../support/hand-made-manager.ts';
import type { Json } from '../support/hostile-client.ts';
import { freeze } from '../support/processes.ts';

const TEST_MS = { timeout: 120_000 };
const LAB_MS = { timeout: 170_000 };
const NOT_BEGUN = {
  state: 'refused',
  result: undefined,
  error: { code: 'M4C_EXPIRED', detail: 'not begun before its deadline' },
};
const SIGKILL = { signal: 'SIGKILL' } as const;
const SAFE = '20';

let range: Range;
let doors: Doors;
/** Of te1. */
let fan: Fifo;
/** Of te2, which is left alone by its manager for a second at most. */
let lamp: Fifo;

before(async () => {
  const devices = (sysfs: string): ReturnType<Devices> => {
    fan = makeLed(sysfs, 'fan');
    lamp = makeLed(sysfs, 'lamp');
    return {
      te1: { actuators: { fan: { led: 'fan', max: 200, safe: 20 } } },
      te2: { actuators: { lamp: { led: 'lamp', max: 200, safe: 20 } }, safeAfter: 1 },
    };
  };
  range = await openRange({ devices });
  doors = doorsOf(range);
}, LAB_MS);

after(async () => {
  await range?.down();
  await fan?.close();
  await lamp?.close();
});

test(
  'an administrator sets an actuator; before the first command it had its safe value',
  TEST_MS,
  async () => {
    assert.deepEqual(fan.lines, [SAFE]);
    const { stdout } = await ask(range.state, 'setactuator fan 120 --target te1', 0);
    assert.match(stdout, /^NODE +ACTUATOR +VALUE\nte1 +fan +120\n$/);
    assert.deepEqual(await fan.reaches(2), [SAFE, '120']);
    const refused = await ask(range.state, 'setactuator fan 201 --target te1,te2', 3);
    assert.match(refused.stdout, /^te1 +failed +M4C_ACTUATOR_LIMIT/m);
    assert.match(refused.stdout, /^te2 +failed +M4C_ACTUATOR_UNKNOWN/m);
    assert.deepEqual(fan.lines, [SAFE, '120']);
  },
);

describe('with the test as manager', () => {
  let manager: HandMadeManager;

  before(async () => {
    manager = await playManager(range);
  }, LAB_MS);

  after(() => manager?.stop());

  /** The command, and whether it was refused at once. */
  const set = (value: number, to: ExecutorName = 'te1'): Json =>
    manager.command(to, { name: 'setactuator', args: { actuator: to === 'te1' ? 'fan' : 'lamp', value } });

  test(
    'what must not be done twice is done once for an id, however often it is sent, in this life and the next',
    TEST_MS,
    async () => {
      const from = fan.lines.length;
      const command = set(200);
      await manager.send('te1', command);
      const first = await manager.result(command.id);
      assert.deepEqual(first, { state: 'ok', result: { actuator: 'fan', value: 200 }, error: undefined });
      await manager.sendAgain('te1', command);
      assert.deepEqual(await manager.result(command.id, 2), first);
      await restart('te1', SIGKILL);
      await manager.sendAgain('te1', command);
      assert.deepEqual(await manager.result(command.id, 3), first);
      await manager.send('te1', manager.inquiry('te1', [command.id as string]));
      assert.deepEqual(await manager.result(command.id, 4), first);
      const twin = set(199);
      await manager.send('te1', twin);
      assert.equal((await manager.result(twin.id)).state, 'ok');
      // What was written is read a moment later here.
      await fan.reaches(from + 3);
      assert.deepEqual(fan.lines.slice(from), ['200', SAFE, '199']);
    },
  );

  test(
    'a node that was killed between act and record says that it does not know, and does not act again',
    TEST_MS,
    async () => {
      const from = fan.lines.length;
      const command = set(150);
      await fan.block();
      const mark = range.logs.te1.mark();
      await manager.send('te1', command);
      // The agent has it, and waits for its device; so its supervisor can be stopped before there is an answer.
      await range.logs.te1.next(mark, 'sets', ({ msg }) => msg === 'sets');
      await freeze(range.domain.node('te1').process!.pid);
      fan.unblock();
      await fan.reaches(from + 1);
      await restart('te1', SIGKILL);
      await manager.sendAgain('te1', command);
      const unknown = { state: 'unknown', result: undefined, error: { code: 'M4C_OUTCOME_UNKNOWN' } };
      assert.deepEqual(await manager.result(command.id), unknown);
      await manager.send('te1', manager.inquiry('te1', [command.id as string]));
      assert.deepEqual(await manager.result(command.id, 2), unknown);
      const twin = set(149);
      await manager.send('te1', twin);
      assert.equal((await manager.result(twin.id)).state, 'ok');
      await fan.reaches(from + 3);
      assert.deepEqual(fan.lines.slice(from), ['150', SAFE, '149']);
    },
  );

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
      await restart('te2', SIGKILL);
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
      const { generation, counter } = manager.epoch;
      const old = { ...manager.epoch };
      const next = { generation, counter: counter + 1 };
      const ping = async (epoch: Json): Promise<unknown> => {
        const command = manager.command('te1', { epoch });
        const { code } = await manager.send('te1', command);
        return code ?? (await manager.result(command.id)).state;
      };
      assert.equal(await ping(old), 'ok');
      assert.equal(await ping(next), 'ok', 'before its statement was seen');
      assert.equal(await ping(old), 'M4C_EPOCH');
      assert.equal(await ping(next), 'ok');

      await range.domain.node('te1').stop(SIGKILL);
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
      await restart('te2', SIGKILL);

      manager.epoch = next;
      await manager.lead();
      await started;
      assert.equal(await ping(next), 'ok');
      assert.equal(await ping(old), 'M4C_EPOCH');
      assert.equal(await ping(next), 'ok');
    },
  );

  test('whoever asks can open the answer, though the last statement does not name it', TEST_MS, async () => {
    await manager.lead(['00'.repeat(32)]);
    // The statement and a command go different ways: the last of them come after it.
    for (let number = 0; number < 5; number++) {
      const command = manager.command('te2');
      await manager.send('te2', command);
      assert.equal((await manager.result(command.id)).state, 'ok');
    }
    await manager.lead();
  });

  test(
    'without a manager an actuator gets its safe value, once, and is set again when there is one',
    TEST_MS,
    async () => {
      const before = lamp.lines.length;
      const on = set(7, 'te2');
      await manager.send('te2', on);
      assert.equal((await manager.result(on.id)).state, 'ok');
      const from = before + 1;
      await lamp.reaches(from);
      assert.equal(lamp.lines[from - 1], '7');
      // The node looks twice a second, and tells nobody: its last look may have been when nobody led it.
      await pause(1_000);
      const leaves = Date.now();
      await range.owner.session.send(xml('presence', { to: `${ROOM}/${OWNER_NICK}`, type: 'unavailable' }));
      await lamp.reaches(from + 1);
      assert.ok(Date.now() - leaves >= 1000, 'not before its time');
      const again = set(8, 'te2');
      await manager.send('te2', again);
      assert.equal((await manager.result(again.id)).state, 'ok');
      await lamp.reaches(from + 2);
      assert.deepEqual(lamp.lines.slice(from), [SAFE, '8']);
    },
  );
});

/** Resolves when it is in the cluster again: the manager lets it in. */
async function restart(name: ExecutorName, how: typeof SIGKILL): Promise<void> {
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
