/**
 * Senders that do harm: who must not be heard, who sends too much, too fast or too slowly, and who lies about who he is.
 * Honest messages go the same way before and after each attack.
 */
// Mutations seen red, one each: everybody in the room read; depth not limited; size not limited; every message that cannot be
// opened makes its receiver ask for the key; no limit of lines about one sender; log lines written as pino makes them. Honest requests only take longer in the flood, which
// no test asks, if letters are opened as they come (red: letters.test.ts of the manager), or without the limit of ejabberd.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { after, before, test } from 'node:test';
import { systemRandom } from '@mom4c/core';
import type { ErrorCode } from '@mom4c/core';
import { NS_ENCRYPTED } from '@mom4c/member';
import { newSessionKey } from '@mom4c/messaging';
import { textOf, xml } from '@mom4c/xmpp';
import type { Element } from '@mom4c/xmpp';
import { ask } from '../support/cli.ts';
import { doorsOf, refusal } from '../support/attack-doors.ts';
import type { Door, Doors } from '../support/attack-doors.ts';
import { ACTIVE, DOMAIN, MALLORY, OWNER_NICK, ROOM, SERVICE, openRange } from '../support/attack-range.ts';
import type { Range } from '../support/attack-range.ts';
import { readMetric } from '../support/exposition.ts';
import { startFlood } from '../support/flood.ts';
import { sealTo, sealUnder, sealed, sendRaw, sign, signedInTheClear } from '../support/hostile-client.ts';
import type { Json } from '../support/hostile-client.ts';
import type { LogLine } from '../support/node-log.ts';
import { XMPP_SERVER } from '../support/xmpp-server.ts';

const TE1 = `te1@${DOMAIN}`;
const MINUTE = 60_000;
/** More than anything waits for here. */
const TEST_MS = { timeout: 120_000 };
/** Many processes start at once, maybe beside those of another test. */
const LAB_MS = { timeout: 170_000 };

let range: Range;
let doors: Doors;

before(async () => {
  range = await openRange({ server: XMPP_SERVER });
  doors = doorsOf(range);
}, LAB_MS);

after(() => range?.down());

test('task executors listen to managers alone: what others send is dropped unread', TEST_MS, async () => {
  const { direct, room, refused, command, everyone } = doors;
  const { mallory, admin, identities, admission, logs } = range;
  // The very octets that count when a manager sends them; for each a new id, since they could count.
  const told = () => doors.forExecutor('te1', command(TE1));
  const loud = () => doors.forRoom(command(everyone));
  const unread = async (door: Door, what: string, attack: () => Promise<ErrorCode | void>): Promise<void> => {
    const lines = await refused(door, 'M4C_NOT_HEARD', what, attack);
    assert.ok(lines.every(({ detail }) => /not from|a message to/.test(detail ?? '')));
  };
  for (const by of [mallory, admin]) {
    const command = await told();
    await unread(direct('te1'), `a command by ${by.jid}`, () => doors.attackTe1(command, by));
    await unread(direct('te1'), `garbage by ${by.jid}`, () => doors.attackTe1(sealed('?'), by));
    const message = await told();
    await unread(direct('te1'), `a message by ${by.jid}`, () => by.message(doors.executor('te1'), message));
  }
  const shouted = await loud();
  await unread(room, 'te3 shouts what a manager signed', () => mallory.say(ROOM, shouted));
  await unread(room, 'te3 shouts garbage', () => mallory.say(ROOM, sealed('?')));

  // te3 shows itself as a manager does; the room shows no presence but that of its moderators.
  const statement = await leadership();
  const [te1Mark, te2Mark] = [logs.te1.mark(), logs.te2.mark()];
  await mallory.session.send(xml('presence', { to: `${ROOM}/te3` }, ...statement));
  await room.honest();
  for (const said of [logs.te1.since(te1Mark), logs.te2.since(te2Mark)])
    assert.deepEqual(said.filter(refusal), []);
  // The same of an owner is read, and refused for its signer: by managers as well.
  const cm1Mark = logs.cm1.mark();
  await refused(room, 'M4C_FORBIDDEN', 'te3 as leader', () =>
    range.owner.session.send(xml('presence', { to: `${ROOM}/${OWNER_NICK}` }, ...statement)),
  );
  await logs.cm1.next(cm1Mark, 'a refusal', ({ code }) => code === 'M4C_FORBIDDEN');

  async function leadership(): Promise<Element[]> {
    const { id, time } = command(everyone);
    const head = { type: 'leadership', id, from: SERVICE, to: { room: ROOM, targets: '*' }, time };
    const { epoch, key } = admission();
    const managers = [identities.te3.certificate.fingerprint];
    return signedInTheClear(identities.te3, {
      ...head,
      expires: Date.now() + MINUTE,
      ...{ manager: 'te3', epoch, key: key.id, managers, standbys: [] },
    });
  }
});

test('what is too large or nested too deeply is refused, and nobody falls over it', TEST_MS, async () => {
  const { manages, direct, room, refused, request, command, everyone } = doors;
  const { domain, identities } = range;
  const pids = (): unknown[] => domain.components.map(({ name, process }) => `${name} ${process?.pid}`);
  const pidsBefore = pids();

  const stanza = `<message to='${ACTIVE}'><body>${'x'.repeat(300_000)}</body></message>`;
  const mark = range.logs.cm1.mark();
  assert.match(await sendRaw(domain, identities.te3, MALLORY, stanza), /<stream:error>.*<policy-violation/);
  await manages.honest();
  assert.deepEqual(
    range.logs.cm1.since(mark).filter((line) => refusal(line)),
    [],
    'the server keeps it back',
  );

  const deep = '['.repeat(50_000) + ']'.repeat(50_000);
  const nested = '['.repeat(30) + ']'.repeat(30);
  // What fits into a stanza is still more than a payload may have.
  const large = JSON.stringify('x'.repeat(185_000));
  const cases: [ErrorCode, string, string][] = [
    ['M4C_TOO_LARGE', 'too large', large],
    ['M4C_MALFORMED', '30 deep', nested],
    ['M4C_MALFORMED', '50,000 deep', deep],
  ];
  const withArgs = (payload: Json, args: string): string =>
    JSON.stringify({ ...payload, args: 0 }).replace('"args":0', () => `"args":${args}`);
  for (const [code, what, args] of cases) {
    const asked = await sealTo(await sign(identities.admin, withArgs(request(), args)), identities.cm1);
    await refused(manages, code, `request ${what}`, () => doors.attackManager(asked));
    const told = await sealTo(await sign(identities.cm1, withArgs(command(TE1), args)), identities.te1);
    await refused(direct('te1'), code, `command ${what}`, () => doors.attackTe1(told));
    const signed = await sign(identities.cm1, withArgs(command(everyone), args));
    const loud = await sealUnder(signed, range.admission().key);
    await refused(room, code, `command ${what} in the room`, () => doors.shout(loud));
  }
  // SEQUENCE in SEQUENCE, without end.
  const der = await sealTo(Buffer.from('3080'.repeat(40_000), 'hex'), identities.te1);
  await refused(direct('te1'), 'M4C_MALFORMED', 'DER 40,000 deep', () => doors.attackTe1(der));
  assert.deepEqual(pids(), pidsBefore);
  assert.ok(domain.components.every(({ name, running }) => running || name === 'te3'));
});

test('whoever shouts in the room what nobody can open does not make everybody speak', TEST_MS, async () => {
  const { room, command, everyone } = doors;
  const { identities, logs } = range;
  await room.honest();
  const marks = { te1: logs.te1.mark(), te2: logs.te2.mark(), cm1: logs.cm1.mark() };
  const signed = await sign(identities.cm1, command(everyone));
  for (let count = 0; count < NOISE; count++) {
    await doors.shout(await sealUnder(signed, newSessionKey(systemRandom)));
    // Each node has dealt with it before the next one comes, so that no two count as one.
    for (const name of ['te1', 'te2'] as const)
      await logs[name].next(marks[name], 'refusal', isCannotOpen, count + 1);
    await room.honest();
  }
  await room.honest();
  const admitted = logs.cm1.since(marks.cm1).filter(({ msg }) => msg === 'admitted');
  assert.ok(admitted.length <= 2, `asked ${admitted.length} times for the key, of two nodes`);
  for (const name of ['te1', 'te2'] as const)
    assert.equal(logs[name].since(marks[name]).filter(({ msg }) => msg === 'taken').length, NOISE + 1);
});

const NOISE = 5;
const isCannotOpen = (line: LogLine): boolean => refusal(line) === 'M4C_CANNOT_OPEN';

test('nobody can put the name of another on a stanza', TEST_MS, async () => {
  const { direct, command, forExecutor, executor } = doors;
  const { domain, identities, logs } = range;
  for (const from of [ACTIVE, SERVICE, `${ROOM}/${OWNER_NICK}`, DOMAIN]) {
    const mark = logs.te1.mark();
    const ids = [await direct('te1').honest()];
    const letter = await forExecutor('te1', command(TE1));
    const forged = xml('iq', { type: 'set', id: 'forged', to: executor('te1'), from }, letter).toString();
    await sendRaw(domain, identities.te3, MALLORY, `${forged}</stream:stream>`);
    ids.push(await direct('te1').honest());
    const said = logs.te1.since(mark);
    assert.deepEqual(
      said.filter(({ msg }) => msg === 'taken').map(({ id }) => id),
      ids,
      `from ${from}`,
    );
    // The server ends the stream, or puts the true name there.
    for (const line of said.filter(refusal)) assert.equal(line.code, 'M4C_NOT_HEARD', `from ${from}`);
  }
});

test('what is no XML ends the stream of the one who sends it, and reaches nobody', TEST_MS, async () => {
  const { manages, direct } = doors;
  const { domain, identities, logs } = range;
  const to = `to='${doors.executor('te1')}'`;
  const letter = textOf(await doors.forExecutor('te1', doors.command(TE1)));
  const x = `<x xmlns='${NS_ENCRYPTED}'>${letter}</x>`;
  const cases = {
    'an end without a beginning': `<message ${to}>${x}</iq>`,
    'a document type': `<!DOCTYPE m [<!ENTITY e "${letter.slice(0, 100)}">]><message ${to}>${x}</message>`,
    'an entity that is not there': `<message ${to}>&evil;${x}</message>`,
    'a control character': `<message ${to}>\u0001${x}</message>`,
    'an attribute twice': `<message ${to} ${to}>${x}</message>`,
  };
  const marks = { te1: logs.te1.mark(), cm1: logs.cm1.mark() };
  await direct('te1').honest();
  for (const [what, text] of Object.entries(cases))
    assert.match(await sendRaw(domain, identities.te3, MALLORY, text), /<stream:error>/, what);
  await direct('te1').honest();
  await manages.honest();
  for (const name of ['te1', 'cm1'] as const)
    assert.deepEqual(logs[name].since(marks[name]).filter(refusal), [], name);
});

// Red with a limit for names in the guard of the stream, 256: te1 and the manager hear nothing any more.
test(
  'a name of any length, which a server passes on, makes nobody deaf and cuts nobody off',
  TEST_MS,
  async () => {
    const { manages, direct, executor } = doors;
    const { domain, identities, logs } = range;
    const letter = textOf(sealed('noise'));
    const stanza = (to: string, name: string): string =>
      `<message to='${to}'><x xmlns='${NS_ENCRYPTED}'>${letter}</x><${name} xmlns='urn:x'/></message>`;
    const marks = { te1: logs.te1.mark(), cm1: logs.cm1.mark() };
    // The first is the honest twin of the others: as short as names are.
    for (const length of [1, 255, 256, 50_000]) {
      await direct('te1').honest();
      const mark = { te1: logs.te1.mark(), cm1: logs.cm1.mark() };
      const name = 'n'.repeat(length);
      const text = `${stanza(executor('te1'), name)}${stanza(ACTIVE, name)}</stream:stream>`;
      await sendRaw(domain, identities.te3, MALLORY, text);
      // It was read to its end.
      for (const who of ['te1', 'cm1'] as const)
        await logs[who].next(mark[who], `a refusal, ${length}`, ({ msg }) => /^refused/.test(msg));
      await direct('te1').honest();
      await manages.honest();
    }
    for (const who of ['te1', 'cm1'] as const)
      assert.deepEqual(
        logs[who].since(marks[who]).filter(({ msg }) => msg.startsWith('offline')),
        [],
        who,
      );
  },
);

// Red on Prosody with the hard limit of the parser for all octets of a stanza: both lose their streams.
test(
  'what grows beyond all measure as the server rewrites it is dropped, and cuts nobody off',
  TEST_MS,
  async () => {
    const { manages, direct, executor } = doors;
    const { domain, identities, logs } = range;
    const marks = { te1: logs.te1.mark(), cm1: logs.cm1.mark() };
    await direct('te1').honest();
    // Servers write the namespace out at each: 12 kB become two and a half megabytes.
    const grows = (to: string): string =>
      `<message to='${to}'><x xmlns='urn:x' xmlns:p='urn:${'long'.repeat(2_500)}'>${'<p:a/>'.repeat(250)}</x></message>`;
    const text = `${grows(executor('te1'))}${grows(ACTIVE)}</stream:stream>`;
    await sendRaw(domain, identities.te3, MALLORY, text);
    for (const who of ['te1', 'cm1'] as const)
      await logs[who].next(marks[who], 'a refusal', ({ msg }) => /^(refused|dropped)/.test(msg));
    await direct('te1').honest();
    await manages.honest();
    for (const who of ['te1', 'cm1'] as const)
      assert.deepEqual(
        logs[who].since(marks[who]).filter(({ msg }) => msg.startsWith('offline')),
        [],
        who,
      );
  },
);

test('thousands of stanzas cost the one who sends them, and nobody else', TEST_MS, async (t) => {
  const { manages, room } = doors;
  const { logs, domain } = range;
  await manages.honest();
  const marks = { te1: logs.te1.mark(), cm1: logs.cm1.mark() };
  const before = { te1: await refusedAt('te1'), cm1: await refusedAt('cm1') };
  const floodedAt = async (name: 'te1' | 'cm1'): Promise<number> => (await refusedAt(name)) - before[name];
  const flood = await startFlood(range);
  const waited: number[] = [];
  let inRoom = 0;
  let sent = 0;
  try {
    while (
      waited.length < HONEST ||
      (await floodedAt('te1')) < FLOODED ||
      (await floodedAt('cm1')) < FLOODED
    ) {
      const begun = performance.now();
      await manages.honest();
      waited.push(performance.now() - begun);
    }
    const begun = performance.now();
    await room.honest();
    inRoom = performance.now() - begun;
  } finally {
    sent = await flood.stop();
  }
  const [least, most] = [Math.min(...waited), Math.max(...waited)].map(Math.round);
  t.diagnostic(
    `${sent} stanzas; ${waited.length} honest requests, each ${least} to ${most} ms, in the room ${Math.round(inRoom)} ms`,
  );

  // All of it is counted; the log has ten lines of each kind and the number of the others.
  for (const name of ['te1', 'cm1'] as const) {
    const [more] = await logs[name].next(marks[name], 'the number', ({ msg }) => msg === 'refused more');
    assert.ok((more?.count ?? 0) > 0);
    const lines = logs[name].since(marks[name]).filter(({ msg }) => /^refused/.test(msg));
    assert.ok(lines.length <= 200, `${lines.length} lines in the log of ${name}`);
  }
  await manages.honest();
  await room.honest();
  assert.ok(['cm1', 'te1', 'te2'].every((name) => domain.node(name).running));
});

/** Requests at least that are answered while the flood goes on, and stanzas of it at least that are refused meanwhile. */
const HONEST = 12;
const FLOODED = 1_000;

/** All refusals so far, by the node's own metrics. */
function refusedAt(name: 'te1' | 'cm1'): Promise<number> {
  return readMetric(range.domain.node(name).port, 'mom4c_refused_total');
}

test('whoever sends slowly holds up nobody, and is cut off', TEST_MS, async () => {
  const { url } = range.domain.describe().scep;
  const { hostname, port, pathname } = new URL(url);
  const ask = async (): Promise<string> => (await fetch(`${url}?operation=GetCACaps`)).text();
  assert.match(await ask(), /SHA-256/);
  const slow = Array.from({ length: 100 }, () => connectTcp(Number(port), hostname));
  const cut = slow.map(async (socket) => {
    socket.on('error', () => {}).resume();
    await once(socket, 'connect');
    socket.write(`POST ${pathname}?operation=PKIOperation HTTP/1.1\r\nHost: a\r\nX-Slow: `);
    await once(socket, 'close');
  });
  assert.match(await ask(), /SHA-256/);
  await Promise.all(cut);
  assert.match(await ask(), /SHA-256/);
});

test('texts of a device steer neither the terminal nor the log', TEST_MS, async () => {
  const { state, domain } = range;
  const hostile = `a\u001b[2J\u001b]0;evil\u0007\u009b31m\r\nb\u202ec\u2028d\u200be\u0000`;
  const sensors = [{ n: 'host/load1', u: '\u001b[1m', vs: hostile }];
  const detail = `${hostile}${'x'.repeat(300)}`;
  const run = async (answer: Json, code: number, ...formats: string[]): Promise<string[]> => {
    const stop = await doors.playExecutor((id) => doors.result(id, answer), 'v\u001b[2J\u202e1');
    try {
      const lines = formats.map((format) => `listsensors --target te3 -o ${format}`);
      return (await Promise.all(lines.map((line) => ask(state, line, code)))).map(({ stdout }) => stdout);
    } finally {
      stop();
    }
  };
  const honest = [{ n: 'host/load1', u: '/', vs: 'quite calm' }];
  const [calm] = await run({ result: { sensors: honest } }, 0, 'table');
  assert.match(calm!, /te3\s+host\/load1\s+quite calm\s+\/\n$/);

  const shown = await run({ result: { sensors } }, 0, 'table', 'json', 'yaml');
  const failed = { state: 'failed', result: undefined, error: { code: 'M4C_SENSOR_UNREADABLE', detail } };
  shown.push(...(await run(failed, 3, 'table', 'json', 'yaml')));
  for (const text of shown) {
    assert.doesNotMatch(text.replaceAll('\n', ''), STEERING);
    assert.match(text, /te3/);
  }
  assert.equal(shown[0]!.split('\n').length, 3, 'no line more than the head and the sensor');
  assert.equal(JSON.parse(shown[1]!).outcomes[0].result.sensors[0].vs, hostile, 'JSON tells all of it');
  // A name is what SenML allows, or the answer is none.
  const [named] = await run({ result: { sensors: [{ n: hostile, v: 1 }] } }, 3, 'table');
  assert.match(named!, /te3\s+failed\s+M4C_BAD_RESULT/);

  const nodes = (await ask(state, 'nodes', 0)).stdout;
  assert.doesNotMatch(nodes.replaceAll('\n', ''), STEERING);
  const log = readFileSync(domain.node('cm1').process!.logFile, 'utf8');
  assert.ok(log.includes(String.raw`v\u001b[2J\u202e1`), 'the version of te3 is in the log');
  assert.doesNotMatch(log.replaceAll('\n', ''), STEERING);
});

/** What moves a cursor, hides text or turns it round. */
const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/u;
