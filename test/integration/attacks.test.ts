/**
 * A hostile client against real servers and nodes. Every attack stands between two honest messages on the same way, made
 * by the same functions: these have their effect, the attack has none, and is one line `refused` with its code.
 */
// Mutations seen red, one each, in the postbox: no role check; no comparison with the sender that the server vouches for;
// none of the signer with `from`; no audience check; a signed command in the clear accepted. In freshness: ids not
// remembered; no time floor; no age limit; no expiry; no limit for the future. Signature not verified; sealing without
// encrypting; epoch not checked; depth not limited; size not limited; results of executors that were not asked; every
// message that cannot be opened makes its receiver ask for the key.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Mom4cError, systemClock, systemRandom } from '@mom4c/core';
import type { ErrorCode, Role } from '@mom4c/core';
import { NS_ENCRYPTED } from '@mom4c/member';
import { newSessionKey } from '@mom4c/messaging';
import { createAuthority, issueCertificate, readCertificate } from '@mom4c/pki';
import type { Authority, Identity, Keystore } from '@mom4c/pki';
import { textOf, xml } from '@mom4c/xmpp';
import type { Element, Incoming } from '@mom4c/xmpp';
import { doorsOf, refusal } from '../support/attack-doors.ts';
import type { Door, Doors } from '../support/attack-doors.ts';
import {
  ACTIVE,
  ADMIN,
  DOMAIN,
  MALLORY,
  OWNER_NICK,
  ROOM,
  SECRET,
  SERVICE,
  openRange,
} from '../support/attack-range.ts';
import type { NodeName, Range } from '../support/attack-range.ts';
import {
  newId,
  openClient,
  sealTo,
  sealUnder,
  sealed,
  sendRaw,
  sign,
  signedInTheClear,
} from '../support/hostile-client.ts';
import type { Json } from '../support/hostile-client.ts';
import type { LogLine } from '../support/node-log.ts';

const TE1 = `te1@${DOMAIN}`;
const MINUTE = 60_000;
/** More than anything waits for here. */
const TEST_MS = { timeout: 120_000 };
/** Many processes start at once, maybe beside those of another test. */
const LAB_MS = { timeout: 170_000 };

let folder: string;
let range: Range;
let doors: Doors;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-attacks-'));
  // Servers that run under users of their own must get to their folders below.
  chmodSync(folder, 0o711);
  range = await openRange(folder);
  doors = doorsOf(range);
}, LAB_MS);

after(async () => {
  await range?.down();
  rmSync(folder, { recursive: true, force: true });
});

const askManager = async (letter: Element, by = range.admin): Promise<ErrorCode> =>
  codeOf(await by.ask(ACTIVE, letter));
const tellTe1 = async (letter: Element, by = range.manager): Promise<ErrorCode> =>
  codeOf(await by.ask(doors.executor('te1'), letter));
/** As an owner of the room, which is heard; with what only a manager's key could sign, or with anything else. */
const shout = (...children: Element[]): Promise<void> => range.owner.say(ROOM, ...children);
const writeToManager = (...children: Element[]): Promise<void> => range.mallory.message(ACTIVE, ...children);

function codeOf({ code, letter }: { code?: ErrorCode; letter?: Element }): ErrorCode {
  assert.ok(code, `no refusal in the answer, but ${letter ? 'a letter' : 'success'}`);
  return code;
}

test('what is not signed, or signed but not sealed, is refused at every door', TEST_MS, async () => {
  const { manages, direct, room, refused, request, command, result, everyone } = doors;
  const { identities } = range;
  const asked = JSON.stringify(request());
  const told = JSON.stringify(command(TE1));
  const shouted = JSON.stringify(command(everyone));
  const body = (text: string): Element => xml('body', {}, text);

  const manager = (code: ErrorCode, what: string, letter: Element) =>
    refused(manages, code, what, () => askManager(letter));
  await manager('M4C_MALFORMED', 'a sealed request without signature', await sealTo(asked, identities.cm1));
  await manager('M4C_MALFORMED', 'a request in plain text', sealed(asked));
  await manager('M4C_MALFORMED', 'a request in base64', sealed(Buffer.from(asked)));
  await manager('M4C_MALFORMED', 'a signed request', sealed(await sign(identities.admin, request())));
  await manager('M4C_MALFORMED', 'an empty letter', sealed(''));

  const executor = (code: ErrorCode, what: string, letter: Element) =>
    refused(direct('te1'), code, what, () => tellTe1(letter));
  await executor('M4C_MALFORMED', 'a sealed command without signature', await sealTo(told, identities.te1));
  await executor('M4C_MALFORMED', 'a command in plain text', sealed(told));
  await executor('M4C_MALFORMED', 'a signed command', sealed(await sign(identities.cm1, command(TE1))));

  const inRoom = (code: ErrorCode, what: string, ...children: Element[]) =>
    refused(room, code, what, () => shout(...children));
  const unsigned = await sealUnder(shouted, range.admission().key);
  await inRoom('M4C_MALFORMED', 'an unsigned command under the key of the room', unsigned);
  await inRoom('M4C_NOT_SIGNED', 'a command as text in the room', body('listsensors'));
  await inRoom('M4C_NOT_SIGNED', 'a command as JSON in the room', body(shouted));
  const [inTheClear, signature] = await signedInTheClear(identities.cm1, command(everyone));
  await inRoom('M4C_NOT_SIGNED', 'an unsigned command in the room', inTheClear);
  await inRoom('M4C_NOT_SEALED', 'a signed command in the clear in the room', inTheClear, signature);

  const asMessage = (code: ErrorCode, what: string, ...children: Element[]) =>
    refused(manages, code, what, () => writeToManager(...children));
  await asMessage('M4C_NOT_SIGNED', 'a request as text', body('listsensors'));
  const [resultInTheClear, by] = await signedInTheClear(identities.te3, result(newId()));
  await asMessage('M4C_NOT_SIGNED', 'a result in the clear', resultInTheClear);
  await asMessage('M4C_NOT_SEALED', 'a signed result in the clear', resultInTheClear, by);
});

test(
  'a signature counts only under a certificate of the domain, as its directory has it',
  TEST_MS,
  async () => {
    const { manages, direct, room, refused, request, command, everyone } = doors;
    const { identities, authority } = range;
    const { key, authority: rogue } = await createAuthority({
      domain: DOMAIN,
      clock: systemClock,
      random: systemRandom,
      validityDays: 30,
    });
    assert.equal(rogue.subject, authority.authority.subject, 'the other authority has the same name');
    const forgers = (real: Keystore): [ErrorCode, string, Promise<Identity>][] => [
      ['M4C_CERTIFICATE_UNKNOWN', 'another authority', issue(real, rogue, key)],
      [
        'M4C_BAD_SIGNATURE',
        'another authority, same serial number',
        issue(real, rogue, key, sameSerial(real)),
      ],
      [
        'M4C_BAD_SIGNATURE',
        'another key in the name of the certificate',
        Promise.resolve(underOtherKey(real)),
      ],
      [
        'M4C_CERTIFICATE_UNKNOWN',
        'a certificate never published',
        issue(real, authority.authority, authority.key),
      ],
    ];
    for (const [code, what, made] of forgers(identities.admin)) {
      const letter = await doors.forManager(request(), await made);
      await refused(manages, code, `request, ${what}`, () => askManager(letter));
    }
    for (const [code, what, made] of forgers(identities.cm1)) {
      const forger = await made;
      const letter = await doors.forExecutor('te1', command(TE1), forger);
      await refused(direct('te1'), code, `command, ${what}`, () => tellTe1(letter));
      const loud = await doors.forRoom(command(everyone), forger);
      await refused(room, code, `command in the room, ${what}`, () => shout(loud));
    }
  },
);

async function issue(
  like: Keystore,
  by: Authority,
  authorityKey: Keystore['key'],
  random = systemRandom,
): Promise<Identity> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { name, role, domain, addresses, notBefore, notAfter } = like.certificate;
  const whom = {
    name,
    role: role as Role,
    domain,
    addresses,
    notBefore,
    notAfter: Math.min(notAfter, by.notAfter),
  };
  const der = await issueCertificate({ ...whom, authority: by, authorityKey, publicKey, random });
  return { key: privateKey, certificate: readCertificate(der) };
}

const sameSerial = ({ certificate }: Keystore) => ({
  bytes: (): Uint8Array => Buffer.from(certificate.serial, 'hex'),
});

/** Signs as that very certificate, by number and hash, but with a key of its own. */
function underOtherKey({ certificate }: Keystore): Identity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { key: privateKey, certificate: { ...certificate, publicKey } };
}

test('a task executor is no manager, no administrator, and no other task executor', TEST_MS, async () => {
  const { manages, direct, room, refused, request, command, everyone } = doors;
  const { domain, identities, mallory } = range;
  const te3 = identities.te3;
  for (const jid of [`${SERVICE}/active`, `${TE1}/agent`])
    await assert.rejects(
      openClient(domain, te3, jid),
      isError('M4C_XMPP_LOGIN'),
      `the server lets te3 in as ${jid}`,
    );

  for (const from of [SERVICE, MALLORY]) {
    const letter = await doors.forExecutor('te1', command(TE1, { from }), te3);
    await refused(direct('te1'), 'M4C_FORBIDDEN', `command of te3 as ${from}`, () => tellTe1(letter));
    const loud = await doors.forRoom(command(everyone, { from }), te3);
    await refused(room, 'M4C_FORBIDDEN', `command of te3 in the room as ${from}`, () => shout(loud));
  }
  const inOthersName = await doors.forRoom(command(everyone, { from: `cm2@${DOMAIN}` }));
  await refused(room, 'M4C_SENDER_MISMATCH', 'cm1 as cm2', () => shout(inOthersName));
  for (const from of [ADMIN, MALLORY]) {
    const letter = await doors.forManager(request({ from }), te3);
    await refused(manages, 'M4C_FORBIDDEN', `request of te3 as ${from}`, () => askManager(letter, mallory));
  }
  const { id, to, time, expires } = request();
  const join = { type: 'join', version: 'test', id, from: TE1, to, time, expires };
  const asTe1 = await doors.forManager(join, te3);
  await refused(manages, 'M4C_SENDER_MISMATCH', 'te3 joins as te1', () => askManager(asTe1, mallory));
});

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
    await unread(direct('te1'), `a command by ${by.jid}`, () => tellTe1(command, by));
    await unread(direct('te1'), `garbage by ${by.jid}`, () => tellTe1(sealed('?'), by));
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
  // The same of an owner is read, and refused for its signer.
  await refused(room, 'M4C_FORBIDDEN', 'te3 as leader', () =>
    range.owner.session.send(xml('presence', { to: `${ROOM}/${OWNER_NICK}` }, ...statement)),
  );

  async function leadership(): Promise<Element[]> {
    const { id, time } = command(everyone);
    const head = { type: 'leadership', id, from: SERVICE, to: { room: ROOM, targets: '*' }, time };
    const { epoch, key } = admission();
    const managers = [identities.te3.certificate.fingerprint];
    return signedInTheClear(identities.te3, {
      ...head,
      expires: Date.now() + MINUTE,
      ...{ epoch, key: key.id, managers },
    });
  }
});

test('a result counts only for the task executor that signed it', TEST_MS, async () => {
  const { logs, mallory, identities, domain } = range;
  const { te3 } = identities;
  const send = async (payload: Json): Promise<void> => writeToManager(await doors.forManager(payload, te3));

  // te3 at work: it is present, gets a command, and its result is the outcome.
  const mark = logs.cm1.mark();
  const [content, signature] = await signedInTheClear(te3, presence());
  await mallory.session.sendPresence({ to: ACTIVE, children: [content, signature] });
  await logs.cm1.next(mark, 'presence', ({ msg, executor }) => msg === 'present' && executor === 'te3');
  const commands: string[] = [];
  const stop = mallory.session.onRequest({ name: 'x', xmlns: NS_ENCRYPTED }, async ({ child }) => {
    const { id } = await mallory.open(child, [identities.cm1.certificate]);
    commands.push(id as string);
    await send(doors.result(id as string));
    return undefined;
  });
  const honest = await doors.askManager({ targets: ['te3'] });
  stop();
  assert.deepEqual(commands, [honest.id]);
  assert.deepEqual(
    honest.outcomes.map(({ target, state, result }) => ({ target, state, result })),
    [{ target: 'te3', state: 'ok', result: doors.result('').result }],
  );

  // The same for a command that te1 has, and cannot answer yet.
  const te1 = domain.node('te1');
  te1.signal('SIGSTOP');
  try {
    const asked = doors.request();
    const id = asked.id as string;
    const outcome = doors.outcomeOf(id);
    await doors.accepted(await range.admin.ask(ACTIVE, await doors.forManager(asked)));
    const before = logs.cm1.mark();
    await send(doors.result(id, { from: TE1 }));
    await send(doors.result(id));
    const refused = await logs.cm1.next(before, 'two refusals', (line) => refusal(line) !== undefined, 2);
    assert.deepEqual(new Set(refused.map(refusal)), new Set(['M4C_SENDER_MISMATCH', 'M4C_UNEXPECTED']));
    te1.signal('SIGCONT');
    const { outcomes } = await outcome;
    const [only] = outcomes;
    assert.equal(outcomes.length, 1);
    assert.deepEqual([only?.target, only?.state], ['te1', 'ok']);
    assert.equal((only?.result as { node?: unknown } | undefined)?.node, 'te1');
    assert.equal(logs.cm1.since(before).filter(({ msg }) => msg === 'finished').length, 1);
  } finally {
    te1.signal('SIGCONT');
  }
});

function presence(): Json {
  const { id, time } = doors.request();
  const when = { time, expires: Date.now() + MINUTE, started: Date.now() };
  return { type: 'presence', id, from: MALLORY, to: SERVICE, version: 'test', ...when };
}

test('a letter goes to its recipient, and is acted on by nobody else', TEST_MS, async () => {
  const { direct, room, refused, command, everyone } = doors;
  const { server, identities, manager, logs, admission } = range;

  const mark = server.mark();
  await doors.askManager();
  const genuine = sealed(await server.letter(mark, 'iq', `${TE1}/agent`, ACTIVE));
  const te2 = direct('te2');
  await refused(te2, 'M4C_CANNOT_OPEN', 'what was sealed for te1', async () =>
    codeOf(await manager.ask(doors.executor('te2'), genuine)),
  );
  const forTe2 = await doors.forExecutor('te1', command(`te2@${DOMAIN}`));
  await refused(direct('te1'), 'M4C_NOT_FOR_US', 'for te2, sealed for te1', () => tellTe1(forTe2));
  const ofRoom = await doors.forExecutor('te1', command(everyone));
  await refused(direct('te1'), 'M4C_NOT_FOR_US', 'for the room, sent to te1 alone', () => tellTe1(ofRoom));
  const otherRoom = await doors.forRoom(command({ room: `net-x@conference.${DOMAIN}`, targets: '*' }));
  await refused(room, 'M4C_NOT_FOR_US', 'for another room', () => shout(otherRoom));
  const toOne = await doors.forRoom(command(TE1));
  await refused(room, 'M4C_NOT_FOR_US', 'for te1 alone, said in the room', () => shout(toOne));
  const forCommand = await doors.forManager(doors.request({ to: TE1 }));
  await refused(doors.manages, 'M4C_NOT_FOR_US', 'a request to te1, sealed for the manager', () =>
    askManager(forCommand),
  );

  // One message in the room, for te2 and not for te1.
  const partly = command({ room: ROOM, targets: ['te2'] });
  const [te1Mark, te2Mark] = [logs.te1.mark(), logs.te2.mark()];
  await shout(await sealUnder(await sign(identities.cm1, partly), admission().key));
  await logs.te2.next(te2Mark, 'te2 at work', ({ msg, id }) => msg === 'answered' && id === partly.id);
  await direct('te1').honest();
  const said = logs.te1.since(te1Mark);
  assert.ok(!said.some((line) => line.id === partly.id || refusal(line)), 'neither acted on nor an alarm');
});

test('a message has its time: not too old, not expired, not from the future', TEST_MS, async () => {
  const { manages, direct, room, refused, request, command, everyone } = doors;
  const now = Date.now();
  const cases: [ErrorCode, string, Json][] = [
    ['M4C_EXPIRED', 'ten minutes old', { time: now - 10 * MINUTE, expires: now + 10 * MINUTE }],
    ['M4C_EXPIRED', 'expired', { time: now - 2_000, expires: now - 1 }],
    ['M4C_FUTURE', 'of the future', { time: now + 10 * MINUTE, expires: now + 20 * MINUTE }],
  ];
  for (const [code, what, change] of cases) {
    const asked = await doors.forManager(request(change));
    await refused(manages, code, `request ${what}`, () => askManager(asked));
    const told = await doors.forExecutor('te1', command(TE1, change));
    await refused(direct('te1'), code, `command ${what}`, () => tellTe1(told));
    const loud = await doors.forRoom(command(everyone, change));
    await refused(room, code, `command ${what} in the room`, () => shout(loud));
  }
});

test(
  'a command under an epoch that is over is refused, though the manager itself has signed it',
  TEST_MS,
  async () => {
    const { direct, room, refused, command, everyone } = doors;
    const { generation, revision } = range.admission().epoch;
    for (const epoch of [
      { generation, revision: revision - 1 },
      { generation: generation - 1, revision: revision + 1_000 },
    ]) {
      const told = await doors.forExecutor('te1', command(TE1, { epoch }));
      await refused(direct('te1'), 'M4C_EPOCH', 'an old epoch', () => tellTe1(told));
      const loud = await doors.forRoom(command(everyone, { epoch }));
      await refused(room, 'M4C_EPOCH', 'an old epoch in the room', () => shout(loud));
    }
  },
);

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
    await refused(manages, code, `request ${what}`, () => askManager(asked));
    const told = await sealTo(await sign(identities.cm1, withArgs(command(TE1), args)), identities.te1);
    await refused(direct('te1'), code, `command ${what}`, () => tellTe1(told));
    const signed = await sign(identities.cm1, withArgs(command(everyone), args));
    const loud = await sealUnder(signed, range.admission().key);
    await refused(room, code, `command ${what} in the room`, () => shout(loud));
  }
  // SEQUENCE in SEQUENCE, without end.
  const der = await sealTo(Buffer.from('3080'.repeat(40_000), 'hex'), identities.te1);
  await refused(direct('te1'), 'M4C_MALFORMED', 'DER 40,000 deep', () => tellTe1(der));
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
    await shout(await sealUnder(signed, newSessionKey(systemRandom)));
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

test('the XMPP server sees that there are letters, and nothing of what they say', TEST_MS, async () => {
  const { server, admin } = range;
  const words = ['listsensors', SECRET.sensor, SECRET.reading, 'host/load1', '"sensors"', '"outcomes"'];
  const last: string[] = [];
  const stop = admin.session.onMessage(({ element }: Incoming) => {
    last.push(textOf(element.getChild('x', NS_ENCRYPTED)));
  });
  const mark = server.mark();
  for (const targets of [['te1'], ['te1', 'te2']]) {
    const outcome = await doors.askManager({ name: 'listsensors', targets });
    const plain = JSON.stringify(outcome);
    for (const word of words.slice(1, 3)) assert.ok(plain.includes(word), `the outcome tells ${word}`);
  }
  stop();
  const text = await server.whenIt(mark, 'last outcome', (seen) => seen.includes(last.at(-1)!));
  for (const [what, pattern] of [
    ['request', `to='${ACTIVE}' from='${admin.jid}'[^>]*><x xmlns='jabber:x:encrypted'>`],
    ['command', `to='${TE1}/agent' from='${ACTIVE}'[^>]*><x xmlns='jabber:x:encrypted'>`],
    ['command in the room', `type='groupchat'[^>]*><x xmlns='jabber:x:encrypted'>`],
    ['result', `to='${ACTIVE}' from='${TE1}/agent'><x xmlns='jabber:x:encrypted'>`],
    ['outcome', `to='${admin.jid}' from='${ACTIVE}'><x xmlns='jabber:x:encrypted'>`],
  ] as const)
    assert.match(text, new RegExp(pattern), `the log has the ${what}`);
  assert.deepEqual(wordsIn(text, words), []);

  // The same words, the same way, not sealed: the search would have found them.
  const twinMark = server.mark();
  const openly = Buffer.from(`{"name":"listsensors","sensors":"${SECRET.sensor} ${SECRET.reading}"}`);
  const arrived = new Promise<void>((resolve) => {
    const unsubscribe = admin.session.onMessage(() => (unsubscribe(), resolve()));
  });
  await admin.message(admin.jid, sealed(openly));
  // Else the next test would find it.
  await arrived;
  const twin = await server.whenIt(twinMark, 'open message', (seen) =>
    seen.includes(openly.toString('base64')),
  );
  assert.deepEqual(wordsIn(twin, words), ['listsensors', SECRET.sensor, SECRET.reading, '"sensors"']);
});

/** Those that stand in a text, or in the octets that any base64 in it stands for. */
function wordsIn(text: string, words: readonly string[]): string[] {
  const decoded = (text.match(/[A-Za-z0-9+/]{40,}={0,2}/g) ?? []).map((run) =>
    Buffer.from(run, 'base64').toString('latin1'),
  );
  const all = [text, ...decoded].join('\n');
  return words.filter((word) => all.includes(word));
}

test(
  'a message counts once: not by another account, not by the same, not after kill -9',
  TEST_MS,
  async () => {
    const { manages, direct, room, refused } = doors;
    const { mallory, logs, domain } = range;
    const mark = logs.cm1.mark();
    const captured = await capture();

    const replay = async (again: ErrorCode, when: string): Promise<LogLine[]> => {
      const { request, command, roomCommand } = captured;
      const foreign = 'M4C_SENDER_MISMATCH';
      await refused(direct('te1'), 'M4C_NOT_HEARD', `command by te3 ${when}`, () =>
        tellTe1(command, mallory),
      );
      await refused(manages, foreign, `request by te3 ${when}`, () => askManager(request, mallory));
      return [
        ...(await refused(direct('te1'), again, `command ${when}`, () => tellTe1(command))),
        ...(await refused(room, again, `command in the room ${when}`, () => shout(roomCommand))),
      ];
    };
    const first = captured.request;
    await replay('M4C_REPLAY', 'again');
    await refused(manages, 'M4C_REPLAY', 'request again', () => askManager(first));

    await restart('te1', 'te2');
    for (const { detail } of await replay('M4C_EXPIRED', 'after a restart of te1 and te2'))
      assertOfEarlierRun(detail);

    const second = await capture();
    await restart('cm1');
    await range.admit();
    await refused(manages, 'M4C_SENDER_MISMATCH', 'request by te3 after a restart', () =>
      askManager(second.request, mallory),
    );
    const [line] = await refused(manages, 'M4C_EXPIRED', 'request after a restart', () =>
      askManager(second.request),
    );
    assertOfEarlierRun(line?.detail);
    assert.ok(domain.node('cm1').running);
    for (const id of [captured.id, second.id]) {
      const said = logs.cm1.since(mark).filter((one) => one.id === id);
      assert.deepEqual(
        said.map(({ msg }) => msg),
        ['accepted', 'finished'],
        'the manager acted on it once',
      );
    }
  },
);

/** Its time and its expiry would still let it pass. */
function assertOfEarlierRun(detail: string | undefined): void {
  assert.match(detail ?? '', /earlier run/);
}

type Captured = { id: string; request: Element; command: Element; roomCommand: Element };

/** A genuine request, the command that it led to (as the server saw it), and another in the room (as te3 heard it). */
async function capture(): Promise<Captured> {
  const { server, mallory } = range;
  const long = { timeout: 100_000, expires: Date.now() + 100_000 };
  const mark = server.mark();
  const asked = doors.request(long);
  const request = await doors.forManager(asked);
  await doors.askManager(asked, request);
  const command = sealed(await server.letter(mark, 'iq', `${TE1}/agent`, ACTIVE));
  const heard = new Promise<Element>((resolve) => {
    const stop = mallory.session.onMessage(({ from, element }) => {
      if (!from.startsWith(`${ROOM}/cm1-`)) return;
      stop();
      resolve(sealed(textOf(element.getChild('x', NS_ENCRYPTED))));
    });
  });
  await doors.askManager({ ...long, targets: ['te1', 'te2'] });
  return { id: asked.id as string, request, command, roomCommand: await heard };
}

/** Killed without warning, started, and the cluster as before. */
async function restart(...names: NodeName[]): Promise<void> {
  const { logs, domain } = range;
  const mark = logs.cm1.mark();
  await Promise.all(names.map((name) => domain.node(name).stop({ signal: 'SIGKILL' })));
  await Promise.all(names.map((name) => domain.node(name).start()));
  for (const name of ['te1', 'te2'])
    await logs.cm1.next(
      mark,
      `presence of ${name}`,
      ({ msg, executor }) => msg === 'present' && executor === name,
    );
}

const isError =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    error instanceof Mom4cError && error.code === code;
