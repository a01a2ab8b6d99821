// Mutation seen red: `key!=value` that wants the key to be there; a key looked up without Object.hasOwn; no limit of labels.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  Mom4cError,
  formatLabels,
  labelTermSchema,
  labelsMatch,
  labelsSchema,
  parseLabelTerm,
} from './index.ts';

const roof = { site: 'roof', floor: '3' };
const matches = (...terms: string[]) => labelsMatch(roof, terms.map(parseLabelTerm));

test('a selector wants all of its terms', () => {
  assert.equal(matches(), true);
  assert.equal(matches('site=roof'), true);
  assert.equal(matches('site=cellar'), false);
  assert.equal(matches('site=roof', 'floor=3'), true);
  assert.equal(matches('site=roof', 'floor=4'), false);
  assert.equal(matches('site'), true);
  assert.equal(matches('rack'), false);
  assert.equal(matches('site!=cellar'), true);
  assert.equal(matches('site!=roof'), false);
  assert.equal(matches('rack!=7'), true, 'what has no such label has no such value');
  assert.equal(matches('constructor'), false, 'what every object inherits is no label');
});

test('what is not a term is refused, by the same rule where it is typed and where it arrives', () => {
  for (const bad of [
    '',
    '=',
    'site=',
    '=roof',
    'Site=roof',
    'site==roof',
    'site=ro of',
    'site=-x',
    '__proto__=x',
    'a\n=b',
    `${'k'.repeat(33)}=v`,
    `k=${'v'.repeat(65)}`,
  ]) {
    assert.equal(labelTermSchema.safeParse(bad).success, false, bad);
    assert.throws(
      () => parseLabelTerm(bad),
      (thrown) =>
        thrown instanceof Mom4cError && thrown.code === 'M4C_BAD_ARGUMENTS' && thrown.message.length < 250,
    );
  }
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'b', '=', '!', '.', '_', '-', 'Z', '9'), maxLength: 12 }),
      (text) => {
        const isTerm = labelTermSchema.safeParse(text).success;
        let parsed = true;
        try {
          parseLabelTerm(text);
        } catch {
          parsed = false;
        }
        assert.equal(parsed, isTerm, text);
      },
    ),
  );
});

test('labels are bounded, and of a fixed alphabet', () => {
  assert.deepEqual(labelsSchema.parse(roof), roof);
  assert.equal(formatLabels(roof), 'floor=3,site=roof');
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 'v']));
  assert.equal(labelsSchema.safeParse(many(16)).success, true);
  for (const bad of [
    many(17),
    { Site: 'roof' },
    { site: '' },
    { site: 3 },
    { site: 'a b' },
    { site: '\u001b[2J' },
    [],
    'x',
    null,
  ])
    assert.equal(labelsSchema.safeParse(bad).success, false, JSON.stringify(bad));
  const read = labelsSchema.parse(JSON.parse('{"__proto__":{"site":"roof"},"floor":"3"}'));
  assert.deepEqual(Object.entries(read), [['floor', '3']]);
  assert.equal(labelsMatch(read, [parseLabelTerm('site')]), false, 'nothing comes in by the prototype');
});
