/**
 * The ways into a domain under attack. Each has an honest message; an attack goes the same way between two of these,
 * and nothing but these two may have had an effect.
 */
import assert from 'node:assert/strict';
import type { ErrorCode } from '@mom4c/core';
import { NS_ENCRYPTED } from '@mom4c/member';
import type { PayloadOf } from '@mom4c/messaging';
import type { Identity } from '@mom4c/pki';
import type { Element } from '@mom4c/xmpp';
import { ACTIVE, ADMIN, DOMAIN, MALLORY, ROOM, SERVICE } from './attack-range.ts';
import type { ExecutorName, NodeName, Range } from './attack-range.ts';
import { newId, sealTo, sealUnder, sign, signedInTheClear } from './hostile-client.ts';
import type { Answer, HostileClient, Json } from './hostile-client.ts';
import type { LogLine } from './node-log.ts';

export type Door = {
  /** Who receives what comes in here. */
  readonly receivers: readonly NodeName[];
  /** Sends an honest message and waits for its effect. @returns its id */
  honest(): Promise<string>;
};

/** @returns the code in the answer, where there is one */
export type Attack = () => Promise<ErrorCode | undefined | void>;

export type Doors = ReturnType<typeof doorsOf>;

export function doorsOf(range: Range) {
  const { identities, logs, admin, manager, owner, mallory } = range;
  const executor = (name: ExecutorName): string => `${name}@${DOMAIN}/agent`;

  /** Payloads as honest senders make them; an attack changes what it needs. */
  const head = (): Json => {
    const time = Date.now();
    return { id: newId(), time, expires: time + 30_000 };
  };
  const request = (change: Json = {}): Json => {
    const what = { name: 'ping', args: {}, targets: ['te1'], timeout: 20_000 };
    return { ...head(), type: 'request', from: ADMIN, to: SERVICE, ...what, ...change };
  };
  const command = (to: unknown, change: Json = {}): Json => {
    const what = { name: 'ping', args: {}, epoch: range.admission().epoch };
    return { ...head(), type: 'command', from: SERVICE, to, ...what, ...change };
  };
  const result = (id: string, change: Json = {}): Json => {
    const what = { state: 'ok', result: { node: 'te3', version: 'test', uptime: 1 } };
    return { ...head(), type: 'result', from: MALLORY, to: SERVICE, id, ...what, ...change };
  };
  /** An attack by IQ: what the receiver says to it. */
  const attackManager = async (letter: Element, by = admin): Promise<ErrorCode> =>
    codeOf(await by.ask(ACTIVE, letter));
  const attackTe1 = async (letter: Element, by = manager): Promise<ErrorCode> =>
    codeOf(await by.ask(executor('te1'), letter));
  /** As an owner of the room, which is heard; with what only a manager's key could sign, or with anything else. */
  const shout = (...children: Element[]): Promise<void> => owner.say(ROOM, ...children);
  /** One account after the other. The log tells ten refusals of one account under one code, the rest by their number;
   *  what nobody can parse is refused before it matters who has sent it. */
  let turn = 0;
  const anybody = (): HostileClient => [admin, mallory, manager, owner][turn++ % 4]!;
  const writeToManager = (...children: Element[]): Promise<void> => mallory.message(ACTIVE, ...children);

  const everyone = { room: ROOM, targets: '*' };

  const forManager = async (payload: Json, as: Identity = identities.admin): Promise<Element> =>
    sealTo(await sign(as, payload), identities.cm1);
  const forExecutor = async (
    name: ExecutorName,
    payload: Json,
    as: Identity = identities.cm1,
  ): Promise<Element> => sealTo(await sign(as, payload), identities[name]);
  const forRoom = async (payload: Json, as: Identity = identities.cm1): Promise<Element> =>
    sealUnder(await sign(as, payload), range.admission().key);

  /** A request of the administrator with all that follows. */
  async function askManager(change: Json = {}, letter?: Element): Promise<PayloadOf<'outcome'>> {
    const payload = request(change);
    const outcome = outcomeOf(payload.id as string);
    await accepted(await admin.ask(ACTIVE, letter ?? (await forManager(payload))));
    return outcome;
  }

  async function accepted({ letter, code }: Answer): Promise<void> {
    assert.ok(letter, `the request was not accepted: ${code}`);
    const said = await admin.open(letter, [identities.cm1.certificate]);
    assert.equal(said.type, 'accepted', JSON.stringify(said));
  }

  /** Call it before the request goes out. */
  function outcomeOf(id: string): Promise<PayloadOf<'outcome'>> {
    return new Promise((resolve, reject) => {
      const unsubscribe = admin.session.onMessage(async ({ element }) => {
        const letter = element.getChild('x', NS_ENCRYPTED);
        if (!letter) return;
        try {
          const payload = await admin.open(letter, [identities.cm1.certificate]);
          if (payload.type !== 'outcome' || payload.id !== id) return;
          unsubscribe();
          resolve(payload as unknown as PayloadOf<'outcome'>);
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  }

  const manages: Door = {
    receivers: ['cm1'],
    async honest() {
      const { id, outcomes } = await askManager();
      assert.deepEqual(
        outcomes.map(({ target, state }) => ({ target, state })),
        [{ target: 'te1', state: 'ok' }],
      );
      return id;
    },
  };

  const direct = (name: ExecutorName): Door => ({
    receivers: [name],
    async honest() {
      const payload = command(`${name}@${DOMAIN}`);
      const mark = logs[name].mark();
      assert.deepEqual(await manager.ask(executor(name), await forExecutor(name, payload)), {});
      await logs[name].next(mark, 'answer', answered(payload.id));
      return payload.id as string;
    },
  });

  /** As an owner of it: whoever else speaks there is not even read. */
  const room: Door = {
    receivers: ['te1', 'te2'],
    async honest() {
      const payload = command(everyone);
      const [te1, te2] = [logs.te1.mark(), logs.te2.mark()];
      await owner.say(ROOM, await forRoom(payload));
      await logs.te1.next(te1, 'answer', answered(payload.id));
      await logs.te2.next(te2, 'answer', answered(payload.id));
      return payload.id as string;
    },
  };

  /**
   * Honest message, attack, honest message, by the same door: each receiver refuses the attack with this code, in the
   * answer (if it gives one) and in exactly one line of its log, and acts on the honest messages only.
   * @returns the lines of refusal
   */
  const refused = async (door: Door, code: ErrorCode, what: string, attack: Attack): Promise<LogLine[]> => {
    const before = door.receivers.map((name) => ({ name, mark: logs[name].mark() }));
    const ids = [await door.honest()];
    const answer = await attack();
    if (answer !== undefined) assert.equal(answer, code, `${what}: the answer`);
    const isRefusal = (line: LogLine): boolean => refusal(line) !== undefined;
    for (const { name, mark } of before) await logs[name].next(mark, `refusal of ${what}`, isRefusal);
    ids.push(await door.honest());
    return before.flatMap(({ name, mark }) => {
      const lines = logs[name].since(mark);
      const refusals = lines.filter(isRefusal);
      assert.deepEqual(refusals.map(refusal), [code], `${what}: refused by ${name}`);
      assert.deepEqual(lines.flatMap(actedOn), ids, `${what}: acted on by ${name}`);
      return refusals;
    });
  };

  /** A request that is understood and will not be served: one line of the manager, and nothing reaches a node.
   *  Between two honest ones. */
  async function rejected(code: ErrorCode, change: Json): Promise<void> {
    const what = `${code} ${JSON.stringify(change).slice(0, 80)}`;
    const marks = { cm1: logs.cm1.mark(), te1: logs.te1.mark() };
    const ids = [await manages.honest()];
    const asked = request(change);
    const { letter, code: refusedWith } = await admin.ask(ACTIVE, await forManager(asked));
    assert.ok(letter, `${what}: no letter, but ${refusedWith}`);
    const said = await admin.open(letter, [identities.cm1.certificate]);
    assert.deepEqual([said.type, (said.error as { code?: string }).code], ['rejected', code], what);
    ids.push(await manages.honest());
    const lines = logs.cm1.since(marks.cm1);
    const own = lines.filter(({ id }) => id === asked.id);
    assert.deepEqual(
      own.map(({ msg, code: told }) => [msg, told]),
      [['rejected', code]],
      what,
    );
    assert.deepEqual(lines.filter(refusal), [], what);
    assert.deepEqual(logs.te1.since(marks.te1).flatMap(actedOn), ids, what);
  }

  /** A command of a manager that a node takes and refuses to run. */
  async function disobeyed(code: ErrorCode, change: Json): Promise<void> {
    const what = `${code} ${JSON.stringify(change).slice(0, 80)}`;
    const door = direct('te1');
    await door.honest();
    const payload = command(`te1@${DOMAIN}`, change);
    const mark = logs.te1.mark();
    assert.deepEqual(await manager.ask(executor('te1'), await forExecutor('te1', payload)), {}, what);
    const [line] = await logs.te1.next(mark, what, ({ msg, id }) => msg === 'answered' && id === payload.id);
    assert.deepEqual([line?.state, line?.code], ['refused', code], what);
    await door.honest();
  }

  /** te3 announces itself and answers commands, until the returned function is called. */
  async function playExecutor(answer: (id: string) => Json, version = 'test'): Promise<() => void> {
    const mark = logs.cm1.mark();
    const when = { ...head(), expires: Date.now() + 60_000, started: Date.now() };
    const presence = { type: 'presence', from: MALLORY, to: SERVICE, version, ...when };
    const children = await signedInTheClear(identities.te3, presence);
    await mallory.session.sendPresence({ to: SERVICE, type: 'unavailable' });
    await mallory.session.sendPresence({ to: SERVICE, children });
    await logs.cm1.next(mark, 'presence', ({ msg, executor: who }) => msg === 'present' && who === 'te3');
    return mallory.session.onRequest({ name: 'x', xmlns: NS_ENCRYPTED }, async ({ child }) => {
      const { id } = await mallory.open(child, [identities.cm1.certificate]);
      await writeToManager(await forManager(answer(id as string), identities.te3));
      return undefined;
    });
  }

  return {
    ...{ playExecutor, rejected, disobeyed, anybody },
    ...{ manages, direct, room, executor, everyone, request, command, result },
    ...{ attackManager, attackTe1, shout, writeToManager },
    ...{ forManager, forExecutor, forRoom, askManager, accepted, outcomeOf, refused },
  };
}

function codeOf({ code, letter }: Answer): ErrorCode {
  assert.ok(code, `no refusal in the answer, but ${letter ? 'a letter' : 'success'}`);
  return code;
}

/** The code, if that is the line of a refused message. That the real manager has not asked for what the test had
 *  executors do is none: it refuses their results whenever they come. */
export function refusal({ msg, code, detail }: LogLine): string | undefined {
  return msg === 'refused' && !STRAY_RESULT.test(detail ?? '') ? code : undefined;
}

const STRAY_RESULT = /^a result of te[12] that nobody waits for$/;

const answered =
  (id: unknown) =>
  (line: LogLine): boolean =>
    line.msg === 'answered' && line.id === id && line.state === 'ok';

/** What only an accepted message leads to: a command taken, a request accepted, a node admitted or present. */
function actedOn({ msg, id, executor }: LogLine): string[] {
  if (msg === 'taken' || msg === 'accepted') return [id ?? ''];
  return msg === 'admitted' || msg === 'present' ? [`${msg} ${executor}`] : [];
}
