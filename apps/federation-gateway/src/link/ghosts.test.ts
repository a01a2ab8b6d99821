// Mutations seen red, one each: the side `out` told to our server; who was let in told as refused; 333 in place
// of 332; no `self` statuses; probes for rooms.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stanzaError, type Element } from '@mom4c/xmpp';
import { partnerLost, probes, serverLost } from './ghosts.ts';
import type { Presence } from './presence-reading.ts';

const entry = (side: Presence['side'], kind: Presence['kind'], from: string, to: string): Presence => ({
  side,
  kind,
  from,
  to,
});

const OURS = 'cm@alpha.test/x';
const JOINED = 'r@conference.beta.test/cm';
const ASKED = 'closed@conference.beta.test/cm';
const theirs = [
  entry('in', 'join', 'te9@beta.test/y', 'r@conference.alpha.test/te9'),
  entry('in', 'directed', 'te9@beta.test/y', 'cm@alpha.test'),
  entry('in', 'self', JOINED, OURS),
];
const ours = [
  entry('out', 'directed', OURS, JOINED),
  entry('out', 'join', OURS, ASKED),
  entry('out', 'directed', OURS, 'te9@beta.test'),
  entry('out', 'directed', 'cm@alpha.test/z', 'te9@beta.test'),
  entry('out', 'self', 'r@conference.alpha.test/te9', 'te9@beta.test/y'),
];

function told(stanza: Element): string {
  const statuses =
    stanza
      .getChild('x')
      ?.getChildren('status')
      .map(({ attrs }) => attrs.code) ?? [];
  return [stanza.attrs.from, stanza.attrs.to, stanza.attrs.type, ...statuses].join(' ');
}

test('when the partner is lost our rooms and users are told that his are gone, and who still waits for a room', () => {
  const all = partnerLost(theirs, ours);
  assert.deepEqual(all.map(told), [
    'te9@beta.test/y r@conference.alpha.test/te9 unavailable',
    'te9@beta.test/y cm@alpha.test unavailable',
    `${JOINED} ${OURS} unavailable 110 333`,
    `${ASKED} ${OURS} error`,
  ]);
  assert.equal(stanzaError(all[3]!).code, 'M4C_PARTNER_DOWN');
});

test('when our server is lost the partner is told that ours are gone', () => {
  assert.deepEqual(
    ours.map((one) => told(serverLost(one, '332'))),
    [
      `${OURS} ${JOINED} unavailable`,
      `${OURS} ${ASKED} unavailable`,
      `${OURS} te9@beta.test unavailable`,
      'cm@alpha.test/z te9@beta.test unavailable',
      'r@conference.alpha.test/te9 te9@beta.test/y unavailable 110 332',
    ],
  );
});

test('who is present by subscription is asked about once', () => {
  assert.deepEqual(probes(ours).map(told), ['te9@beta.test cm@alpha.test probe']);
});
