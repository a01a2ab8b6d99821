// Mutations seen red: upper case allowed in names; the resource not bounded.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Mom4cError } from './errors.ts';
import { bareJid, isBareJid, isNodeName, parseJid } from './jid.ts';

test('addresses come apart as RFC 7622 says: the resource may hold anything, also @ and /', () => {
  assert.deepEqual(parseJid('te1@alpha.test'), { local: 'te1', domain: 'alpha.test', resource: undefined });
  assert.deepEqual(parseJid('te1@alpha.test/a@b/c'), {
    local: 'te1',
    domain: 'alpha.test',
    resource: 'a@b/c',
  });
  assert.equal(bareJid('te1@alpha.test/x'), 'te1@alpha.test');
});

test('two spellings of one name do not exist: all but one are refused', () => {
  const wrong = [
    'TE1@alpha.test',
    'te1@Alpha.test',
    'te１@alpha.test',
    'te1@alpha.test.',
    'te1@@alpha.test',
    ' te1@alpha.test',
  ];
  const broken = [
    '',
    '@',
    'te1@',
    '@alpha.test',
    'alpha.test',
    'te1@alpha..test',
    'te1@alpha.test/',
    `te1@alpha.test/${'x'.repeat(300)}`,
  ];
  for (const text of [...wrong, ...broken])
    assert.throws(
      () => parseJid(text),
      (thrown) => thrown instanceof Mom4cError && thrown.code === 'M4C_MALFORMED',
      JSON.stringify(text),
    );
  for (const text of [...wrong, 'te1@alpha.test/x', 'a@b@c']) assert.equal(isBareJid(text), false, text);
});

test('whatever parses is put together again from its parts', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (text) => {
      let parts;
      try {
        parts = parseJid(text);
      } catch {
        return;
      }
      assert.equal(
        `${parts.local}@${parts.domain}${parts.resource === undefined ? '' : `/${parts.resource}`}`,
        text,
      );
    }),
    { examples: [['a@b'], ['a@b/c']] },
  );
});

test('names of nodes', () => {
  for (const name of ['te1', 'a', '0', 'roof-sensor_2.north']) assert.equal(isNodeName(name), true, name);
  for (const name of ['', '-a', 'a-', 'Te1', 'a b', 'a/b', 'ä', 'x'.repeat(65)])
    assert.equal(isNodeName(name), false, name);
});
