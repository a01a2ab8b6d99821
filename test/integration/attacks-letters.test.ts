/**
 * Letters that must not count: well brought, by those who may bring them, and wrong inside. Every attack stands between two
 * honest messages on the same way, made by the same functions: these have their effect, the attack has none, and is one
 * line `refused` with its code.
 */
// Mutations seen red, one each, in the postbox: no role check; no comparison with the sender that the server vouches for;
// none of the signer with `from`; no audience check; a signed command in the clear accepted. In freshness: ids not
// remembered; no time floor; no age limit; no expiry; no limit for the future. Signature not verified; epoch not checked;
// results of executors that were not asked; certificates not looked at for their time; arguments not parsed; ids of any form;
// sealing without encrypting.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Mom4cError, systemClock, systemRandom } from '@mom4c/core';
import type { ErrorCode, Role } from '@mom4c/core';
import { NS_ENCRYPTED } from '@mom4c/member';
import { createAuthority } from '@mom4c/pki';
import type { Identity, Keystore } from '@mom4c/pki';
import { textOf, xml } from '@mom4c/xmpp';
import type { Element, Incoming } from '@mom4c/xmpp';
import { ANY_SERVER } from '../support/any-server.ts';
import { doorsOf, refusal } from '../support/attack-doors.ts';
import type { Door, Doors } from '../support/attack-doors.ts';
import {
  ACTIVE,
  ADMIN,
  DESK,
  DOMAIN,
  MALLORY,
  ROOM,
  SECRET,
  SERVICE,
  openRange,
} from '../support/attack-range.ts';
import type { NodeName, Range } from '../support/attack-range.ts';
import { issue, opensslSign, published, sameSerial, underOtherKey } from '../support/attack-identities.ts';
import {
  newId,
  openClient,
  sealTo,
  sealUnder,
  sealed,
  sign,
  signedInTheClear,
} from '../support/hostile-client.ts';
import type { HostileClient, Json } from '../support/hostile-client.ts';
import type { LogLine } from '../support/node-log.ts';

const TE1 = `te1@${DOMAIN}`;
const MINUTE = 60_000;
/** More than anything waits for here. */
const TEST_MS = { timeout: 120_000 };
/** Many processes start at once, maybe beside those of another test. */
const LAB_MS = { timeout: 170_000 };

let range: Range;
let doors: Doors;

before(async () => {
  range = await openRange({ showStanzas: true });
  doors = doorsOf(range);
}, LAB_MS);

after(() => range?.down());

test('what is not signed, or signed but not sealed, is refused at every door', TEST_MS, async () => {
  const { manages, direct, room, refused, request, command, result, everyone } = doors;
  const { identities } = range;
  const asked = JSON.stringify(request());
  const told = JSON.stringify(command(TE1));
  const shouted = JSON.stringify(command(everyone));
  const body = (text: string): Element => xml('body', {}, text);

  const manager = (code: ErrorCode, what: string, letter: Element) =>
    refused(manages, code, what, () => doors.attackManager(letter, doors.anybody()));
  await manager('M4C_MALFORMED', 'a sealed request without signature', await sealTo(asked, identities.cm1));
  await manager('M4C_MALFORMED', 'a request in plain text', sealed(asked));
  await manager('M4C_MALFORMED', 'a request in base64', sealed(Buffer.from(asked)));
  await manager('M4C_MALFORMED', 'a signed request', sealed(await sign(identities.admin, request())));
  await manager('M4C_MALFORMED', 'an empty letter', sealed(''));

  const executor = (code: ErrorCode, what: string, letter: Element) =>
    refused(direct('te1'), code, what, () => doors.attackTe1(letter));
  await executor('M4C_MALFORMED', 'a sealed command without signature', await sealTo(told, identities.te1));
  await executor('M4C_MALFORMED', 'a command in plain text', sealed(told));
  await executor('M4C_MALFORMED', 'a signed command', sealed(await sign(identities.cm1, command(TE1))));

  const inRoom = (code: ErrorCode, what: string, ...children: Element[]) =>
    refused(room, code, what, () => doors.shout(...children));
  const unsigned = await sealUnder(shouted, range.admission().key);
  await inRoom('M4C_MALFORMED', 'an unsigned command under the key of the room', unsigned);
  await inRoom('M4C_NOT_SIGNED', 'a command as text in the room', body('listsensors'));
  await inRoom('M4C_NOT_SIGNED', 'a command as JSON in the room', body(shouted));
  const [inTheClear, signature] = await signedInTheClear(identities.cm1, command(everyone));
  await inRoom('M4C_NOT_SIGNED', 'an unsigned command in the room', inTheClear);
  await inRoom('M4C_NOT_SEALED', 'a signed command in the clear in the room', inTheClear, signature);

  // In the clear it takes two elements, which a request does not have.
  await twoElements(manages, 'cm1', range.admin, ACTIVE, identities.admin, request());
  await twoElements(direct('te1'), 'te1', range.manager, doors.executor('te1'), identities.cm1, command(TE1));

  const asMessage = (code: ErrorCode, what: string, ...children: Element[]) =>
    refused(manages, code, what, () => doors.writeToManager(...children));
  await asMessage('M4C_NOT_SIGNED', 'a request as text', body('listsensors'));
  const [resultInTheClear, by] = await signedInTheClear(identities.te3, result(newId()));
  await asMessage('M4C_NOT_SIGNED', 'a result in the clear', resultInTheClear);
  await asMessage('M4C_NOT_SEALED', 'a signed result in the clear', resultInTheClear, by);
});

/** By the session that sends the honest messages as well, so that the server keeps them in order. */
async function twoElements(
  door: Door,
  name: 'cm1' | 'te1',
  by: HostileClient,
  to: string,
  as: Identity,
  payload: Json,
): Promise<void> {
  const mark = range.logs[name].mark();
  const two = await signedInTheClear(as, payload);
  const ids = [await door.honest()];
  await by.session.send(xml('iq', { type: 'set', id: newId(), to }, ...two));
  ids.push(await door.honest());
  const said = range.logs[name].since(mark);
  const refusals = said.flatMap((line) => refusal(line) ?? []);
  // Prosody hands on no request of two elements.
  assert.deepEqual(refusals, ANY_SERVER === 'prosody' ? [] : ['M4C_MALFORMED'], name);
  const acted = said.filter(({ msg }) => msg === 'taken' || msg === 'accepted').map(({ id }) => id);
  assert.deepEqual(acted, ids, name);
}

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
      await refused(manages, code, `request, ${what}`, () => doors.attackManager(letter));
    }
    for (const [code, what, made] of forgers(identities.cm1)) {
      const forger = await made;
      const letter = await doors.forExecutor('te1', command(TE1), forger);
      await refused(direct('te1'), code, `command, ${what}`, () => doors.attackTe1(letter));
      const loud = await doors.forRoom(command(everyone), forger);
      await refused(room, code, `command in the room, ${what}`, () => doors.shout(loud));
    }
  },
);

test('a certificate counts in its time, of its domain, and for its role', TEST_MS, async () => {
  const { manages, direct, refused, request, command } = doors;
  const { identities } = range;
  const { admin, te1 } = identities;
  // The same certificate, in its time: it is the directory's word alone that makes the difference.
  await published(range, admin, {}, async (as) => {
    const client = await openClient(range.domain, { ...admin, ...as }, `${ADMIN}/published`);
    const { letter, code } = await client.ask(ACTIVE, await doors.forManager(request(), as));
    assert.ok(letter, `refused: ${code}`);
    assert.equal((await client.open(letter, [identities.cm1.certificate])).type, 'accepted');
    await client.stop();
  });
  const now = Date.now();
  const times = {
    expired: { notBefore: now - 2 * MINUTE, notAfter: now - MINUTE },
    'not yet valid': { notBefore: now + 10 * MINUTE, notAfter: now + 20 * MINUTE },
  };
  for (const [what, time] of Object.entries(times))
    await published(range, admin, time, async (as) => {
      const letter = await doors.forManager(request(), as);
      await refused(manages, 'M4C_CERTIFICATE_INVALID', what, () => doors.attackManager(letter));
    });
  const beta = await createAuthority({
    ...{ domain: 'beta.test', clock: systemClock, random: systemRandom, validityDays: 30 },
  });
  const stranger = await issue(admin, beta.authority, beta.key, {
    domain: 'beta.test',
    addresses: ['admin@beta.test'],
  });
  const foreign = await doors.forManager(request(), stranger);
  await refused(manages, 'M4C_CERTIFICATE_UNKNOWN', 'of another domain', () => doors.attackManager(foreign));

  // Keys that are published and valid, and are for something else.
  const rogue = (role: Role, addresses: string[]) => ({ name: 'rogue', role, addresses });
  await published(range, admin, { ...rogue('server', []), dns: [DOMAIN] }, async (as) => {
    // Our own signer refuses such a key.
    const { key, certificate } = as;
    const unasked = { key, certificate: { ...certificate, role: 'admin' as const } };
    const letter = await doors.forManager(request(), unasked);
    await refused(manages, 'M4C_CERTIFICATE_INVALID', "a server's key", () => doors.attackManager(letter));
  });
  for (const role of ['ca', 'publisher', 'gateway'] as const)
    await published(range, admin, rogue(role, [`rogue@${DOMAIN}`]), async (as) => {
      const letter = await doors.forManager(request(), as);
      await refused(manages, 'M4C_FORBIDDEN', `the key of a ${role}`, () => doors.attackManager(letter));
    });
  for (const as of [admin, te1]) {
    const letter = await doors.forExecutor('te1', command(TE1), as);
    await refused(direct('te1'), 'M4C_FORBIDDEN', `a command by ${as.certificate.name}`, () =>
      doors.attackTe1(letter),
    );
  }
});

test('a signature has its three attributes, each once', TEST_MS, async () => {
  const { manages, refused, request } = doors;
  const { admin, cm1 } = range.identities;
  const by = (payload: Json, ...flags: string[]): Promise<Element> =>
    sealTo(opensslSign(admin, JSON.stringify(payload), ...flags), cm1);
  // What openssl signs with all of them is accepted.
  const honest = request();
  await doors.askManager(honest, await by(honest, '-cades'));
  const flags = {
    'no attribute at all': ['-noattr'],
    'no signingCertificateV2': [],
    'another digest': ['-cades', '-md', 'sha512'],
    'the certificate inside': ['-cades', '-certfile', certificateFile()],
  };
  for (const [what, given] of Object.entries(flags)) {
    const letter = await by(request(), ...given);
    await refused(manages, 'M4C_MALFORMED', what, () => doors.attackManager(letter, doors.anybody()));
  }
});

/** The authority's, in PEM. */
const certificateFile = (): string => range.domain.describe().caCertificate;

test('what is signed must be JSON of one of our types, every field within its bounds', TEST_MS, async () => {
  const { manages, direct, room, refused, request, command, everyone } = doors;
  const { admin, cm1, te1 } = range.identities;
  const text = JSON.stringify(request());
  const cases: Record<string, string | Json> = {
    'half a JSON': text.slice(0, -20),
    'no JSON': '<request/>',
    nothing: '',
    'an array': `[${text}]`,
    null: 'null',
    'octets after it': `${text}{}`,
    'an unknown type': request({ type: 'constructor' }),
    'an unknown field': request({ sudo: true }),
    'a field too few': request({ name: undefined }),
    'an id of no form': request({ id: 'x'.repeat(36) }),
    'a name of 10,000 letters': request({ name: 'x'.repeat(10_000) }),
    'hostile characters in a name': request({ name: 'ping\u001b[2J' }),
    'a target of 10,000 letters': request({ targets: ['t'.repeat(10_000)] }),
    'more targets than there may be': request({ targets: Array.from({ length: 5_001 }, () => 'te1') }),
    'a time that is no number': request({ time: '1' }),
    'a time beyond all': request({ expires: 1e300 }),
    'a time-out beyond all': request({ timeout: 1e9 }),
    'a prototype': text.replace('{', '{"__proto__":{"type":"request"},'),
  };
  for (const [what, content] of Object.entries(cases)) {
    const letter = await sealTo(await sign(admin, content), cm1);
    await refused(manages, 'M4C_MALFORMED', what, () => doors.attackManager(letter, doors.anybody()));
  }
  const notUtf8 = Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from([0xff, 0xc0, 0x7d])]);
  const odd = await sealTo(await sign(cm1, notUtf8), te1);
  await refused(direct('te1'), 'M4C_MALFORMED', 'not UTF-8', () => doors.attackTe1(odd));
  const loud = await doors.forRoom(command(everyone, { epoch: { generation: -1, counter: 0 } }));
  await refused(room, 'M4C_MALFORMED', 'an epoch below zero', () => doors.shout(loud));
});

test('DER that is cut, has a tail, or is BER', TEST_MS, async () => {
  const { manages, refused, request } = doors;
  const { admin, cm1 } = range.identities;
  const right = Buffer.from(textOf(await doors.forManager(request())), 'base64');
  const cases: Record<string, Buffer> = {
    'half of it': right.subarray(0, right.length / 2),
    'all but one octet': right.subarray(0, -1),
    'an octet more': Buffer.concat([right, Buffer.alloc(1)]),
    'an indefinite length': Buffer.concat([Buffer.from('3080', 'hex'), right.subarray(4), Buffer.alloc(2)]),
    'a length beyond all': Buffer.concat([Buffer.from('3084ffffffff', 'hex'), right.subarray(4)]),
  };
  for (const [what, octets] of Object.entries(cases))
    await refused(manages, 'M4C_MALFORMED', what, () => doors.attackManager(sealed(octets), doors.anybody()));
  const signed = Buffer.from(await sign(admin, request()));
  const tail = await sealTo(Buffer.concat([signed, Buffer.alloc(1)]), cm1);
  await refused(manages, 'M4C_MALFORMED', 'a tail inside', () => doors.attackManager(tail, doors.anybody()));
});

test(
  'a command that there is not, and arguments that do not fit, are refused with their code',
  TEST_MS,
  async () => {
    const { rejected, disobeyed } = doors;
    const huge = 'x'.repeat(50_000);
    const deep = JSON.parse(`${'{"a":'.repeat(15)}1${'}'.repeat(15)}`) as Json;
    await rejected('M4C_UNKNOWN_COMMAND', { name: 'nosuchcommand' });
    await rejected('M4C_UNKNOWN_COMMAND', { name: 'constructor' });
    await rejected('M4C_BAD_ARGUMENTS', { name: 'readsensor', args: {} });
    await rejected('M4C_BAD_ARGUMENTS', { name: 'readsensor', args: { sensor: huge } });
    await rejected('M4C_BAD_ARGUMENTS', { name: 'readsensor', args: { sensor: 'a', more: huge } });
    await rejected('M4C_BAD_ARGUMENTS', { name: 'ping', args: deep });
    await rejected('M4C_BAD_ARGUMENTS', { name: 'ping', args: [huge] });
    await rejected('M4C_BAD_ARGUMENTS', { name: 'nodes', args: {}, targets: ['te1'] });
    await rejected('M4C_UNKNOWN_TARGET', { targets: ['te99'] });
    // The manager checks all that, so the task executor is told by a manager that does not.
    await disobeyed('M4C_UNKNOWN_COMMAND', { name: 'nosuchcommand' });
    await disobeyed('M4C_UNKNOWN_COMMAND', { name: 'nodes' });
    await disobeyed('M4C_BAD_ARGUMENTS', { name: 'readsensor', args: { sensor: huge } });
  },
);

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
    await refused(direct('te1'), 'M4C_FORBIDDEN', `command of te3 as ${from}`, () => doors.attackTe1(letter));
    const loud = await doors.forRoom(command(everyone, { from }), te3);
    await refused(room, 'M4C_FORBIDDEN', `command of te3 in the room as ${from}`, () => doors.shout(loud));
  }
  const inOthersName = await doors.forRoom(command(everyone, { from: `cm2@${DOMAIN}` }));
  await refused(room, 'M4C_SENDER_MISMATCH', 'cm1 as cm2', () => doors.shout(inOthersName));
  for (const from of [ADMIN, MALLORY]) {
    const letter = await doors.forManager(request({ from }), te3);
    await refused(manages, 'M4C_FORBIDDEN', `request of te3 as ${from}`, () =>
      doors.attackManager(letter, mallory),
    );
  }
  const { id, to, time, expires } = request();
  const join = { type: 'join', version: 'test', id, from: TE1, to, time, expires };
  const asTe1 = await doors.forManager(join, te3);
  await refused(manages, 'M4C_SENDER_MISMATCH', 'te3 joins as te1', () =>
    doors.attackManager(asTe1, mallory),
  );
});

test('a result counts only for the task executor that signed it', TEST_MS, async () => {
  const { logs, identities, domain } = range;
  const { te3 } = identities;
  const send = async (payload: Json): Promise<void> =>
    doors.writeToManager(await doors.forManager(payload, te3));

  // te3 at work: it is present, gets a command, and its result is the outcome.
  const commands: string[] = [];
  const stop = await doors.playExecutor((id) => {
    commands.push(id);
    return doors.result(id);
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
    ['command', `to='${TE1}/agent' from='${DESK}'[^>]*><x xmlns='jabber:x:encrypted'>`],
    ['command in the room', `type='groupchat'[^>]*><x xmlns='jabber:x:encrypted'>`],
    ['result', `to='${ACTIVE}' from='${TE1}/agent'><x xmlns='jabber:x:encrypted'>`],
    ['outcome', `to='${admin.jid}' from='${DESK}'><x xmlns='jabber:x:encrypted'>`],
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

test('a letter goes to its recipient, and is acted on by nobody else', TEST_MS, async () => {
  const { direct, room, refused, command, everyone } = doors;
  const { server, identities, manager, logs, admission } = range;

  const mark = server.mark();
  await doors.askManager();
  const genuine = sealed(await server.letter(mark, 'iq', `${TE1}/agent`, DESK));
  const te2 = direct('te2');
  await refused(
    te2,
    'M4C_CANNOT_OPEN',
    'what was sealed for te1',
    async () => (await manager.ask(doors.executor('te2'), genuine)).code,
  );
  const forTe2 = await doors.forExecutor('te1', command(`te2@${DOMAIN}`));
  await refused(direct('te1'), 'M4C_NOT_FOR_US', 'for te2, sealed for te1', () => doors.attackTe1(forTe2));
  const ofRoom = await doors.forExecutor('te1', command(everyone));
  await refused(direct('te1'), 'M4C_NOT_FOR_US', 'for the room, sent to te1 alone', () =>
    doors.attackTe1(ofRoom),
  );
  const otherRoom = await doors.forRoom(command({ room: `net-x@conference.${DOMAIN}`, targets: '*' }));
  await refused(room, 'M4C_NOT_FOR_US', 'for another room', () => doors.shout(otherRoom));
  const toOne = await doors.forRoom(command(TE1));
  await refused(room, 'M4C_NOT_FOR_US', 'for te1 alone, said in the room', () => doors.shout(toOne));
  const forCommand = await doors.forManager(doors.request({ to: TE1 }));
  await refused(doors.manages, 'M4C_NOT_FOR_US', 'a request to te1, sealed for the manager', () =>
    doors.attackManager(forCommand),
  );

  // One message in the room, for te2 and not for te1.
  const partly = command({ room: ROOM, targets: ['te2'] });
  const [te1Mark, te2Mark] = [logs.te1.mark(), logs.te2.mark()];
  await doors.shout(await sealUnder(await sign(identities.cm1, partly), admission().key));
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
    await refused(manages, code, `request ${what}`, () => doors.attackManager(asked));
    const told = await doors.forExecutor('te1', command(TE1, change));
    await refused(direct('te1'), code, `command ${what}`, () => doors.attackTe1(told));
    const loud = await doors.forRoom(command(everyone, change));
    await refused(room, code, `command ${what} in the room`, () => doors.shout(loud));
  }
});

test(
  'a command under an epoch that is over is refused, though the manager itself has signed it',
  TEST_MS,
  async () => {
    const { direct, room, refused, command, everyone } = doors;
    const { generation, counter } = range.admission().epoch;
    for (const epoch of [
      { generation, counter: counter - 1 },
      { generation: generation - 1, counter: counter + 1_000 },
    ]) {
      const told = await doors.forExecutor('te1', command(TE1, { epoch }));
      await refused(direct('te1'), 'M4C_EPOCH', 'an old epoch', () => doors.attackTe1(told));
      const loud = await doors.forRoom(command(everyone, { epoch }));
      await refused(room, 'M4C_EPOCH', 'an old epoch in the room', () => doors.shout(loud));
    }
  },
);

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
        doors.attackTe1(command, mallory),
      );
      await refused(manages, foreign, `request by te3 ${when}`, () => doors.attackManager(request, mallory));
      return [
        ...(await refused(direct('te1'), again, `command ${when}`, () => doors.attackTe1(command))),
        ...(await refused(room, again, `command in the room ${when}`, () => doors.shout(roomCommand))),
      ];
    };
    const first = captured.request;
    await replay('M4C_REPLAY', 'again');
    await refused(manages, 'M4C_REPLAY', 'request again', () => doors.attackManager(first));

    await restart('te1', 'te2');
    for (const { detail } of await replay('M4C_EXPIRED', 'after a restart of te1 and te2'))
      assertOfEarlierRun(detail);

    const second = await capture();
    await restart('cm1');
    await range.admit();
    await refused(manages, 'M4C_SENDER_MISMATCH', 'request by te3 after a restart', () =>
      doors.attackManager(second.request, mallory),
    );
    const [line] = await refused(manages, 'M4C_EXPIRED', 'request after a restart', () =>
      doors.attackManager(second.request),
    );
    assertOfEarlierRun(line?.detail);
    assert.ok(domain.node('cm1').running);
    for (const id of [captured.id, second.id]) {
      const said = logs.cm1.since(mark).filter((one) => one.id === id);
      assert.deepEqual(
        said.map(({ msg }) => msg),
        ['accepted', 'sent', 'finished'],
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
  const command = sealed(await server.letter(mark, 'iq', `${TE1}/agent`, DESK));
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
