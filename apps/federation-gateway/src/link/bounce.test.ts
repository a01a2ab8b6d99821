// Mutations seen red, one each: addresses not swapped; id left out; errors bounced; results bounced; leaving bounced;
// the element of a join left out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { stanzaError, xml } from '@mom4c/xmpp';
import { bounce } from './bounce.ts';

const DOWN = new Mom4cError('M4C_PARTNER_DOWN');
const addresses = { from: 'cm@alpha.test/x', to: 'te9@beta.test/y' };

test('the sender gets his stanza back as an error, with the addresses swapped and its id', () => {
  for (const [name, type] of [
    ['message', undefined],
    ['message', 'chat'],
    ['message', 'groupchat'],
    ['message', 'headline'],
    ['iq', 'get'],
    ['iq', 'set'],
    ['presence', undefined],
    ['presence', 'subscribe'],
  ] as const) {
    const answer = bounce(xml(name, { ...addresses, type, id: 'a1' }, xml('body', {}, 'secret')), DOWN)!;
    assert.deepEqual(
      [answer.name, { ...answer.attrs }],
      [name, { from: addresses.to, to: addresses.from, id: 'a1', type: 'error' }],
    );
    const error = answer.getChild('error')!;
    assert.equal(error.attrs.type, 'wait');
    assert.ok(error.getChild('remote-server-timeout', 'urn:ietf:params:xml:ns:xmpp-stanzas'));
    assert.equal(stanzaError(answer).code, 'M4C_PARTNER_DOWN');
    assert.ok(!answer.toString().includes('secret'));
  }
});

test('each reason has its condition', () => {
  for (const [code, condition, type] of [
    ['M4C_PARTNER_ADDRESS', 'forbidden', 'auth'],
    ['M4C_PARTNER_UNKNOWN', 'remote-server-not-found', 'auth'],
    ['M4C_BUSY', 'resource-constraint', 'wait'],
  ] as const) {
    const error = bounce(xml('message', addresses), new Mom4cError(code))!.getChild('error')!;
    assert.deepEqual([error.getChildElements()[0]!.getName(), error.attrs.type], [condition, type]);
  }
});

test('nobody is told of errors, results, leaving, and answers to who wants to subscribe', () => {
  for (const [name, type] of [
    ['message', 'error'],
    ['iq', 'error'],
    ['iq', 'result'],
    ['iq', undefined],
    ['presence', 'error'],
    ['presence', 'unavailable'],
    ['presence', 'unsubscribe'],
    ['presence', 'subscribed'],
    ['presence', 'probe'],
  ] as const)
    assert.equal(bounce(xml(name, { ...addresses, type }), DOWN), undefined, `${name} ${type}`);
  assert.equal(bounce(xml('message', { from: addresses.from }), DOWN), undefined);
});

test('who joins a room is told as a room tells it', () => {
  const muc = xml('x', { xmlns: 'http://jabber.org/protocol/muc' }, xml('password', {}, 'secret'));
  const answer = bounce(
    xml('presence', { from: addresses.from, to: 'r@conference.beta.test/cm' }, muc),
    DOWN,
  )!;
  assert.equal(answer.attrs.from, 'r@conference.beta.test/cm');
  assert.equal(answer.getChild('x')!.toString(), '<x xmlns="http://jabber.org/protocol/muc"/>');
});
