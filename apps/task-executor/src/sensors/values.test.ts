// Mutation seen red: (1) NUMBER without its anchor at the end; (2) label() without its length; (3) toPrecision dropped.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseMeminfo } from './host.ts';
import { label, parseNumber, scaled } from './values.ts';
import { parseW1Slave } from './w1.ts';

/** RFC 8428 §4.5.1. */
const SENML_NAME = /^[A-Za-z0-9][A-Za-z0-9:./_-]*$/;

test('integers and decimals as drivers write them', () => {
  fc.assert(fc.property(fc.integer(), (value) => assert.equal(parseNumber(`${value}\n`), value)));
  for (const [text, value] of [
    ['-0.5', -0.5],
    ['+7', 7],
    ['.25', 0.25],
    [' 12 ', 12],
  ] as const)
    assert.equal(parseNumber(text), value);
});

test('whatever a driver writes is a finite number or M4C_SENSOR_UNREADABLE', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^[-+.0-9eExX ]{0,40}$/),
  );
  for (const parse of [parseNumber, parseW1Slave, (text: string) => parseMeminfo(text, 'MemTotal')])
    fc.assert(
      fc.property(texts, (text) => {
        try {
          assert.ok(Number.isFinite(parse(text)));
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'M4C_SENSOR_UNREADABLE', String(error));
        }
      }),
    );
  for (const bad of ['', 'NaN', 'Infinity', '1e5', '0x1F', '1 2', '12abc', '--1', '9'.repeat(400)])
    assert.throws(() => parseNumber(bad), { code: 'M4C_SENSOR_UNREADABLE' }, bad);
});

test('scaling leaves no noise of binary fractions', () => {
  assert.equal(scaled(21562, 1e-3), 21.562);
  assert.equal(scaled(1200, 1 / 60), 20);
  fc.assert(
    fc.property(fc.integer({ min: -1e9, max: 1e9 }), (value) => {
      assert.ok(String(scaled(value, 1e-3)).length <= String(value).length + 4);
    }),
  );
});

test('a label makes a valid part of a SenML name of whatever was written', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      assert.match(`hwmon/0-${label(text)}/temp1`, SENML_NAME);
      assert.ok(!label(text).includes('/') && label(text).length <= 60);
    }),
  );
  assert.equal(label('x'.repeat(100)).length, 60);
});
