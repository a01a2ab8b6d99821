// Mutations seen red: `z.object` for `z.strictObject` in `command`; no depth check; M4C_PEER mapping removed; any text as
// a label or as a term of a selector; ids of an inquiry not bounded; a statement of the authority not bounded, or any text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Mom4cError } from '@mom4c/core';
import { decodePayload, encodePayload } from './payload.ts';
import type { PayloadOf } from './payload.ts';

const command: PayloadOf<'command'> = {
  type: 'command',
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  from: 'cm@alpha.test',
  to: { room: 'cluster@conference.alpha.test', targets: ['te1', 'te2'] },
  time: 1_700_000_000_000,
  expires: 1_700_000_005_000,
  epoch: { generation: 1, counter: 7 },
  name: 'listsensors',
  args: {},
};

const code = (wanted: string) => (thrown: unknown) => thrown instanceof Mom4cError && thrown.code === wanted;
const octets = (value: unknown) => Buffer.from(JSON.stringify(value));

test('a payload survives encoding, whatever its arguments', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (args) => {
      const sent = { ...command, args: { value: args } };
      assert.deepEqual(decodePayload(encodePayload(sent)), JSON.parse(JSON.stringify(sent)));
    }),
  );
});

test('hostile octets give an error of the catalogue, never anything else', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.json().map((json) => Buffer.from(json)),
      ),
      (hostile) => {
        assert.throws(() => decodePayload(hostile), code('M4C_MALFORMED'));
      },
    ),
  );
});

test('every field is needed, none may be added, and none may be of another kind', () => {
  assert.deepEqual(decodePayload(octets(command)), command);
  for (const field of ['id', 'from', 'to', 'time', 'expires', 'epoch', 'name'] as const) {
    const { [field]: _dropped, ...rest } = command;
    assert.throws(() => decodePayload(octets(rest)), code('M4C_MALFORMED'), `without ${field}`);
    assert.throws(
      () => decodePayload(octets({ ...command, [field]: [] })),
      code('M4C_MALFORMED'),
      `${field} as a list`,
    );
  }
  assert.throws(() => decodePayload(octets({ ...command, more: 1 })), code('M4C_MALFORMED'));
  assert.throws(
    () => decodePayload(octets({ ...command, from: 'cm@alpha.test/active' })),
    code('M4C_MALFORMED'),
  );
  assert.throws(() => decodePayload(octets({ ...command, name: '__proto__' })), code('M4C_MALFORMED'));
  assert.throws(() => decodePayload(octets({ ...command, type: 'toString' })), code('M4C_MALFORMED'));
});

test('depth and size are bounded, and bad UTF-8 is refused', () => {
  const deep = (levels: number) =>
    Buffer.from(
      JSON.stringify({ ...command, args: 'HERE' }).replace('"HERE"', '['.repeat(levels) + ']'.repeat(levels)),
    );
  assert.equal(decodePayload(deep(20)).type, 'command');
  assert.throws(() => decodePayload(deep(50_000)), code('M4C_MALFORMED'));
  assert.throws(() => encodePayload({ ...command, args: 'x'.repeat(200_000) }), code('M4C_TOO_LARGE'));
  assert.throws(() => decodePayload(Buffer.alloc(200_000, 0x20)), code('M4C_TOO_LARGE'));
  const broken = Buffer.concat([octets(command).subarray(0, -1), Buffer.from(',"x":"\xff"}', 'latin1')]);
  assert.throws(() => decodePayload(broken), code('M4C_MALFORMED'));
});

test('a code that only a newer peer knows stays readable', () => {
  const { epoch: _epoch, name: _name, args: _args, ...head } = { ...command, to: 'cm@alpha.test' };
  const result = {
    ...head,
    from: 'te1@alpha.test',
    type: 'result',
    state: 'failed',
    error: { code: 'M4C_FROM_THE_FUTURE' },
  };
  const decoded = decodePayload(octets(result));
  assert.ok(decoded.type === 'result');
  assert.equal(decoded.error?.code, 'M4C_PEER');
  assert.match(decoded.error?.detail ?? '', /M4C_FROM_THE_FUTURE/);
});

test('a selector and labels are checked where they arrive', () => {
  const { epoch: _epoch, ...head } = { ...command, from: 'admin@alpha.test', to: 'cm@alpha.test' };
  const request = (labels: unknown) => octets({ ...head, type: 'request', timeout: 1000, labels });
  assert.equal(decodePayload(request(['site=roof', 'floor!=3'])).type, 'request');
  for (const bad of [[], ['Site=roof'], ['site=\u001b[2J'], 'site=roof', Array(17).fill('site'), [{}]])
    assert.throws(() => decodePayload(request(bad)), code('M4C_MALFORMED'), JSON.stringify(bad));
  const { name: _name, args: _args, ...bare } = head;
  const presence = (labels: unknown) =>
    octets({ ...bare, type: 'presence', version: '1', started: 1, labels });
  assert.equal(decodePayload(presence({ site: 'roof' })).type, 'presence');
  for (const bad of [{ Site: 'roof' }, { site: 'a b' }, { site: { a: 'b' } }, ['site'], null])
    assert.throws(() => decodePayload(presence(bad)), code('M4C_MALFORMED'), JSON.stringify(bad));
});

test('of the manager that a node may become: a name, a role, a state, and a load that can be', () => {
  const { epoch: _epoch, name: _name, args: _args, ...head } = { ...command, from: 'te3@alpha.test' };
  const direct = { ...head, to: 'cm@alpha.test' };
  const presence = (manager: unknown) =>
    octets({ ...direct, type: 'presence', version: '1', started: 1, manager });
  const good = { name: 'cm4', role: 'reserve', state: 'ready', load: 0.5 };
  assert.equal(decodePayload(presence(good)).type, 'presence');
  const { load: _load, ...partial } = good;
  const changes = [
    { name: 'CM 4' },
    { role: 'gateway' },
    { state: 'on' },
    { load: -1 },
    { load: 1e9 },
    { load: '1' },
  ];
  for (const bad of [
    ...changes.map((change) => ({ ...good, ...change })),
    partial,
    { ...good, more: 1 },
    'cm4',
  ])
    assert.throws(() => decodePayload(presence(bad)), code('M4C_MALFORMED'), JSON.stringify(bad));
  const standing = { ...direct, type: 'standing', version: '1', started: 1, ready: true };
  assert.equal(decodePayload(octets({ ...standing, node: 'te3' })).type, 'standing');
  assert.throws(() => decodePayload(octets({ ...standing, node: '../te3' })), code('M4C_MALFORMED'));
});

test('an inquiry is about one to a hundred ids, under an epoch', () => {
  const { id, from, to, time, expires, epoch } = command;
  const inquiry = { type: 'inquiry', id, from, to, time, expires, epoch, ids: [id] };
  assert.deepEqual(decodePayload(octets(inquiry)), inquiry);
  const many = (count: number) => octets({ ...inquiry, ids: Array.from({ length: count }, () => id) });
  assert.equal(decodePayload(many(100)).type, 'inquiry');
  for (const wrong of [many(0), many(101), octets({ ...inquiry, ids: ['x'] })])
    assert.throws(() => decodePayload(wrong), code('M4C_MALFORMED'));
  const { epoch: _epoch, ...timeless } = inquiry;
  assert.throws(() => decodePayload(octets(timeless)), code('M4C_MALFORMED'));
});

test('a statement of the authority is base64 within its bound', () => {
  const [room, hex] = ['cluster@conference.alpha.test', 'a'.repeat(64)];
  const { name: _name, args: _args, ...head } = command;
  const leadership = {
    ...{ ...head, type: 'leadership', to: { room, targets: '*' }, manager: 'cm1', key: hex.slice(32) },
    ...{ managers: [hex], standbys: [] },
  };
  assert.doesNotThrow(() => decodePayload(octets(leadership)));
  assert.doesNotThrow(() => decodePayload(octets({ ...leadership, stated: 'A'.repeat(2732) })));
  for (const stated of ['A'.repeat(2736), '', 'no base64', 7])
    assert.throws(() => decodePayload(octets({ ...leadership, stated })), code('M4C_MALFORMED'));
});
