// Mutation seen red: every string plain where the library would have it so; no escapes beyond JSON's; `\u` with five digits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDocument } from 'yaml';
import { parseYaml, toYaml } from './yaml.ts';

test('whatever the values are, they come back, and nothing steers a terminal', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.string({ unit: 'binary' }), (value, text) => {
      const sent = JSON.parse(
        JSON.stringify({
          value,
          text: text.toWellFormed(),
          [`k${text.toWellFormed()}`]: text.toWellFormed(),
        }),
      );
      const written = toYaml(sent);
      assert.doesNotMatch(written.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/u);
      assert.deepEqual(parseYaml(written), sent);
    }),
  );
});

test('YAML 1.1, which many programs still read, understands the same', () => {
  const words = [
    'yes',
    'No',
    'on',
    'OFF',
    'y',
    'null',
    '~',
    '',
    '1:30',
    '0o7',
    '012',
    '1e3',
    '2026-11-22',
    '.inf',
    '<<',
    '=',
    'te1',
    '- a',
    'a: b',
    '!!str x',
    '&a',
    '*a',
    '"',
    '|',
  ];
  for (const version of ['1.1', '1.2'] as const)
    assert.deepEqual(parseDocument(toYaml({ words }), { version }).toJS(), { words });
});

test('plain words stay plain, and a text of several lines does not look like more of them', () => {
  assert.equal(
    toYaml({ state: 'no-answer', at: 'te1@alpha.test', n: 'host/load1', v: 0.5, text: 'x\n---\nstate: ok' }),
    'state: no-answer\nat: "te1@alpha.test"\n"n": host/load1\nv: 0.5\ntext: "x\\n---\\nstate: ok"\n',
  );
});

test('what steers a terminal is escaped, beyond the basic plane too', () => {
  assert.equal(toYaml({ a: '\u001b[2J\u202E\u009b\u{E0001}' }), 'a: "\\u001b[2J\\u202e\\u009b\\U000e0001"\n');
});
