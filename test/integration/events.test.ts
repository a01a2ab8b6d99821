/**
 * Events as whoever watches gets them: losses of nodes, a hand-over, and nothing that somebody else has made up.
 *
 * Mutations seen red: the goodbye of a node left out; events of another role than `cm` believed (with `checkSender` taken out of
 * the postbox); a watcher that stays with the manager that it found first; standbys that are told nothing; any person let in.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { EventRecord } from '@mom4c/core';
import { startLab } from '@mom4c/lab';
import type { Lab, LabDomain } from '@mom4c/lab';
import { EventWatcher } from '@mom4c/member';
import type { XmppSession } from '@mom4c/xmpp';
import { openAdministrator } from '../support/administrator-session.ts';
import type { AdministratorSession } from '../support/administrator-session.ts';
import { CLI, ask } from '../support/cli.ts';
import { readMetric } from '../support/exposition.ts';
import { newId, openClient, sealTo, sign, stealIdentity } from '../support/hostile-client.ts';
import type { Json } from '../support/hostile-client.ts';
import { handOver, leaderOf, untilStandbys } from '../support/leader.ts';
import { startProgram } from '../support/program.ts';
import type { Program } from '../support/program.ts';
import { settles } from '../support/settles.ts';
import { until } from '../support/until.ts';
import { XMPP_SERVER } from '../support/xmpp-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-events-'));
const SERVICE = 'cm@alpha.test';
let lab: Lab;
let alpha: LabDomain;
let admin: AdministratorSession;
let session: XmppSession;
let watching: Program;

/** What the watcher in this process was told, and who waits for more. */
const told: EventRecord[] = [];
const gaps: (string | undefined)[] = [];
const waiting = new Set<() => void>();
const stop = new AbortController();
let ended: Promise<void>;

before(async () => {
  lab = await startLab({
    ...{ folder: join(folder, 'lab'), server: XMPP_SERVER, managers: 2, executors: 2 },
    people: { bob: 'viewer', eve: 'none' },
    nodeSettings: { cm: { heartbeat: { seconds: 1 } } },
  });
  alpha = lab.domain('alpha.test');
  admin = await openAdministrator(alpha, 'test');
  session = admin.member.session('watcher');
  await session.start();
  const watched = Promise.withResolvers<void>();
  const watcher = new EventWatcher(admin.member, session, {
    since: 0,
    onEvent(event) {
      told.push(event);
      for (const look of waiting) look();
    },
    onGap: (since) => void gaps.push(since),
    onWatching: watched.resolve,
  });
  ended = watcher.run(stop.signal);
  watching = startProgram(CLI, ['--state', lab.folder, 'events', '--watch', '-o', 'json']);
  await Promise.all([watched.promise, watching.takeError(/watching/)]);
  for (const name of ['te1', 'te2']) await event('node-joined', name);
  await settles(untilStandbys(admin.requester, 1), 'one standing by');
});
after(async () => {
  stop.abort();
  await ended;
  await session?.stop();
  await admin?.close();
  await lab?.down();
  rmSync(folder, { recursive: true });
});

/** The first that is like that, after the so many-th. */
function event(kind: string, subject: string, from = 0): Promise<EventRecord> {
  const found = new Promise<EventRecord>((resolve) => {
    const look = (): void => {
      const match = told.slice(from).find((one) => one.kind === kind && one.subject === subject);
      if (!match) return;
      waiting.delete(look);
      resolve(match);
    };
    waiting.add(look);
    look();
  });
  return settles(found, `${kind} ${subject}; there are ${JSON.stringify(told)}`);
}

test('a task executor that is killed is an alarm, one that is stopped is not, and both are shown', async () => {
  const te1 = alpha.node('te1');
  te1.signal('SIGKILL');
  const { severity, code } = await event('node-lost', 'te1');
  assert.deepEqual([severity, code], ['alarm', undefined]);
  await watching.take(/"severity":"alarm","kind":"node-lost","subject":"te1"/);
  const { stdout } = await ask(lab.folder, 'nodes', 0);
  assert.match(stdout, /^te1 +te +te1@alpha\.test +lost since \d{4}-\d\d-\d\dT/m);
  await te1.stop();
  const begun = told.length;
  await te1.start();
  await event('node-back', 'te1', begun);
  await te1.stop();
  assert.equal((await event('node-left', 'te1', begun)).severity, 'info');
  await te1.start();
});

test('one that hangs is lost after three intervals without a sign, and back with the first one', async () => {
  const te2 = alpha.node('te2');
  te2.signal('SIGSTOP');
  try {
    const { severity, code, since, time } = await event('node-lost', 'te2');
    assert.deepEqual([severity, code], ['alarm', 'M4C_NO_ANSWER']);
    assert.ok(Date.parse(time) - Date.parse(since!) >= 3000, `${since} to ${time}`);
  } finally {
    te2.signal('SIGCONT');
  }
  await event('node-back', 'te2');
});

test('after a hand-over the same watchers go on without a gap, and what was before is remembered', async () => {
  await event('node-back', 'te1');
  const { name: from } = await leaderOf(admin.requester);
  const to = from === 'cm1' ? 'cm2' : 'cm1';
  const begun = told.length;
  await handOver(admin.requester, to);
  const { text, by } = await event('manager-leads', to, begun);
  assert.match(text, new RegExp(`^leads under epoch \\d+\\.\\d+, after ${from}$`));
  assert.equal(by, to);
  await watching.take(new RegExp(`"kind":"manager-leads","subject":"${to}"`));
  assert.deepEqual(gaps, []);
  const { stdout } = await ask(lab.folder, 'events --severity alarm -o json', 0);
  const { events } = JSON.parse(stdout).outcomes[0].result;
  const alarms = told.filter(({ severity }) => severity === 'alarm');
  assert.deepEqual(events, alarms);
  assert.equal(new Set(told.map(({ id }) => id)).size, told.length, 'each once');
  const { stdout: none } = await ask(lab.folder, 'events --since 1ms', 0);
  assert.match(none, /^TIME +SEVERITY +KIND[^\n]*\n$/);
  await ask(lab.folder, 'events --since tomorrow', 2);
  await alpha.node(from).stop();
  assert.equal((await event('manager-left', from, begun)).severity, 'warning');
  await watching.take(new RegExp(`"kind":"manager-left","subject":"${from}"`));
  const { code, stderr } = await watching.stop('SIGINT');
  assert.equal(code, 0, stderr);
});

test('a watcher that is killed is let go; another one goes on over a restart of the XMPP server', async () => {
  const killed = startProgram(CLI, ['--state', lab.folder, 'events', '--watch']);
  await killed.takeError(/watching/);
  assert.equal(await watchers(), 2);
  killed.stop('SIGKILL').catch(() => {});
  await until(async () => (await watchers()) === 1);
  const begun = told.length;
  await alpha.xmppServer.stop({ signal: 'SIGKILL' });
  await alpha.xmppServer.start();
  // Nothing was lost, so nothing is told of nodes; the manager leads anew.
  await event('manager-leads', (await leaderOf(admin.requester)).name, begun);
  assert.deepEqual(gaps, []);
});

/** As the manager that leads counts them. */
async function watchers(): Promise<number> {
  const { port } = alpha.node((await leaderOf(admin.requester)).name);
  return readMetric(port, 'mom4c_event_watchers');
}

test('who may not read events is refused', async () => {
  const adapter = await stealIdentity(lab.folder, 'alpha.test', 'nodes/adapter');
  const leader = await leaderIdentity();
  const [address] = adapter.certificate.addresses;
  const client = await openClient(alpha, adapter, `${address}/test`);
  try {
    const subscribe = async (person: string) => {
      const time = Date.now();
      const head = { id: newId(), from: address, to: SERVICE, time, expires: time + 30_000 };
      const onBehalfOf = `${person}@people.alpha.test`;
      const asked = await sign(adapter, { type: 'subscribe', ...head, onBehalfOf });
      return client.ask(`${SERVICE}/active`, await sealTo(asked, leader));
    };
    assert.ok((await subscribe('bob')).letter);
    assert.equal((await subscribe('eve')).code, 'M4C_FORBIDDEN');
  } finally {
    await client.stop();
  }
});

test('what somebody else has made up is not believed, though the same of a manager is', async () => {
  const steal = (own: string) => stealIdentity(lab.folder, 'alpha.test', own);
  const [te1, person] = await Promise.all([steal('nodes/te1'), steal('admin')]);
  const leader = await leaderIdentity();
  const { epoch } = await leaderOf(admin.requester);
  const atService = await openClient(alpha, leader, `${SERVICE}/test`);
  const atNode = await openClient(alpha, te1, 'te1@alpha.test/test');
  const tell = async (
    client: typeof atService,
    signer: typeof leader,
    text: string,
    from: string,
    change: Json = {},
  ): Promise<void> => {
    const time = Date.now();
    const made = { id: newId(), time: new Date(time).toISOString(), severity: 'alarm', kind: 'node-lost' };
    const events = [{ ...made, subject: 'te2', text, by: leader.certificate.name }];
    const head = { id: newId(), from, to: 'admin@alpha.test', time, expires: time + 30_000 };
    const last = { epoch, after: told.at(-1)!.id, gap: false };
    const signed = await sign(signer, { type: 'events', ...head, ...last, events, ...change });
    await client.message(session.jid, await sealTo(signed, person));
  };
  try {
    const begun = told.length;
    await tell(atService, leader, 'honest', SERVICE);
    assert.equal((await event('node-lost', 'te2', begun)).text, 'honest');
    // Not from the manager's address; from there, as a node; as an administrator; in the manager's name; under an old epoch.
    await tell(atNode, te1, 'forged', 'te1@alpha.test');
    await tell(atService, te1, 'forged', 'te1@alpha.test');
    await tell(atService, person, 'forged', 'admin@alpha.test');
    await tell(atService, te1, 'forged', SERVICE);
    await tell(atService, leader, 'forged', SERVICE, { epoch: { generation: 1, counter: 0 } });
    await tell(atService, leader, 'honest again', SERVICE);
    await settles(
      new Promise<void>((resolve) => {
        const look = (): void => void (told.at(-1)!.text === 'honest again' && resolve());
        waiting.add(look);
        look();
      }),
      'the second honest one',
    );
    assert.deepEqual(
      told.filter(({ text }) => text === 'forged'),
      [],
    );
  } finally {
    await atService.stop();
    await atNode.stop();
  }
});

async function leaderIdentity() {
  return stealIdentity(lab.folder, 'alpha.test', `nodes/${(await leaderOf(admin.requester)).name}`);
}
