/**
 * One session, many requests at once: each gets its own outcome.
 *
 * Mutation seen red: every request with a listener of its own, so that the first one that opens an outcome is the only
 * one that ever sees it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock, systemRandom } from '@mom4c/core';
import { startLab } from '@mom4c/lab';
import type { Lab } from '@mom4c/lab';
import { Requester, adminSettings, startMember } from '@mom4c/member';
import type { Member } from '@mom4c/member';
import { createLogger, loadConfig } from '@mom4c/runtime';
import type { XmppSession } from '@mom4c/xmpp';
import { ANY_SERVER } from '../support/any-server.ts';
import { untilLeads, untilStandbys } from '../support/leader.ts';
import { settles } from '../support/settles.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-requester-'));
const stop = new AbortController();
const stops: (() => void | Promise<void>)[] = [];
let lab: Lab;
let member: Member;
let session: XmppSession;

before(async () => {
  lab = await startLab({
    folder: join(folder, 'lab'),
    server: ANY_SERVER,
    executors: 2,
  });
  const file = lab.domain('alpha.test').describe().adminProfile.path;
  const log = createLogger({ name: 'requester', level: 'silent' });
  const around = { clock: systemClock, random: systemRandom, log, signal: stop.signal };
  member = await startMember(loadConfig(adminSettings, { file }), 'admin', around, (_name, close) =>
    stops.push(close),
  );
  session = member.session('many');
  await session.start(stop.signal);
});

after(async () => {
  stop.abort();
  await session?.stop();
  for (const close of stops.reverse()) await close();
  await lab?.down();
  rmSync(folder, { recursive: true, force: true });
});

test('twenty requests at once on one session: each gets the outcome of its own target', async () => {
  const requester = new Requester(member, session);
  const targets = Array.from({ length: 20 }, (_, index) => `te${(index % 2) + 1}`);
  const accepted: string[] = [];
  const outcomes = await Promise.all(
    targets.map((target) =>
      requester.send({ name: 'ping', args: {}, targets: [target], timeout: 10_000 }, ({ targets: [only] }) =>
        accepted.push(only!),
      ),
    ),
  );
  requester.close();
  assert.deepEqual(
    outcomes.map((one) => one.outcomes.map(({ target, state }) => `${target} ${state}`)),
    targets.map((target) => [`${target} ok`]),
  );
  assert.equal(new Set(outcomes.map(({ id }) => id)).size, 20);
  assert.deepEqual(accepted.toSorted(), targets.toSorted());
});

// Mutation seen red: answers of task executors not sealed to whoever asked.
test('a manager that is newer than what the requester remembers understands it all the same', async () => {
  const requester = new Requester(member, session);
  const ping = async (): Promise<string[]> => {
    const request = { name: 'ping', args: {}, targets: ['te1'], timeout: 10_000 };
    return (await requester.send(request)).outcomes.map(({ state }) => state);
  };
  assert.deepEqual(await ping(), ['ok']);
  const { name } = await lab.domain('alpha.test').addManager();
  await settles(untilStandbys(requester, 1), 'that it stands by');
  const promote = { name: 'managerspromote', args: { manager: name }, targets: undefined, timeout: 10_000 };
  assert.equal((await requester.send(promote)).outcomes[0]?.state, 'ok');
  await settles(
    untilLeads(requester, (leader) => leader === name),
    'that it leads',
  );
  assert.deepEqual(await ping(), ['ok']);
  requester.close();
});
