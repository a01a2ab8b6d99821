// Mutation seen red: the test for control characters removed; `isDomain` replaced by `true`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xml } from './element.ts';
import { incoming, partyOf } from './incoming.ts';

const OWN = 'te1@alpha.test/agent';
const from = (address: string | undefined): string | undefined => {
  const element = xml('message');
  // As a hostile server could send it.
  if (address !== undefined) element.attrs.from = address;
  return incoming(element, OWN)?.from;
};

test('senders that can be addressed are taken as they are', () => {
  for (const good of [
    'alpha.test',
    'cm@alpha.test',
    'cm@alpha.test/active',
    'cluster@conference.alpha.test/te 1/é',
  ])
    assert.equal(from(good), good);
});

test('without a sender it is from the own account (RFC 6120 §8.1.2.1)', () => {
  assert.equal(from(undefined), 'te1@alpha.test');
});

test('anything else is dropped', () => {
  const long = 'a'.repeat(300);
  for (const bad of [
    '',
    '@',
    '@alpha.test',
    'CM@alpha.test',
    'cm@',
    'cm@@alpha.test',
    'cm@alpha.test/',
    'cm@al pha.test',
    'alpha.test/x',
    `cm@alpha.test/${long}`,
    `${long}@alpha.test`,
    `${long}.test`,
    'cm@alpha.test/a\nb',
    'cm@alpha.test/\u009B',
  ])
    assert.equal(from(bad), undefined, JSON.stringify(bad));
});

// Red with the full address wherever the type is `groupchat`, which anybody can write on a stanza.
test('an account has one share, whatever its resources send; occupants of our rooms have one each', () => {
  const rooms = new Set(['cluster@conference.alpha.test']);
  const party = (address: string): string | undefined => {
    const stanza = incoming(xml('message', { from: address, type: 'groupchat' }), OWN);
    return stanza && partyOf(stanza, rooms);
  };
  assert.equal(party('te2@alpha.test/a'), 'te2@alpha.test');
  assert.equal(party('te2@alpha.test/b'), 'te2@alpha.test');
  assert.equal(party('other@conference.alpha.test/te2'), 'other@conference.alpha.test');
  for (const nick of ['te2', 'te3'])
    assert.equal(party(`cluster@conference.alpha.test/${nick}`), `cluster@conference.alpha.test/${nick}`);
  assert.equal(party('alpha.test'), 'alpha.test');
});
