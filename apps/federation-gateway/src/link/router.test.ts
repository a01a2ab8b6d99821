// Mutations seen red, one each: `from` not compared with our hosts; `from` not compared with the partner's; `to` not
// compared with ours; the kind by local name; a partner of another name; the prefix not looked at (both ways).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xml, type Element } from '@mom4c/xmpp';
import type { Partner } from '../partner.ts';
import { routeIncoming, routeOutgoing } from './router.ts';

const OURS: ReadonlySet<string> = new Set(['alpha.test', 'conference.alpha.test']);
const THEIRS: ReadonlySet<string> = new Set(['beta.test', 'conference.beta.test']);
const beta: Partner = {
  domain: 'beta.test',
  level: 'sso',
  hosts: [...THEIRS],
  address: 'srv',
  certificates: [],
  authority: undefined,
  agent: undefined,
  attributes: {},
  connect: 'always',
};
const partners = { ofHost: (host: string) => (THEIRS.has(host) ? beta : undefined) };

const stanza = (from: string | undefined, to: string | undefined, name = 'message'): Element =>
  xml(name, { from, to });

/** As a parser leaves it: `xml` would not make it. */
function prefixed(element: Element): Element {
  element.append(xml('stream:error'));
  return element;
}

const A = 'cm@alpha.test/x';
const B = 'te9@beta.test/Zoë 漢字';

test('of our server: from a federated host of ours, to a host of a partner', () => {
  const outcome = (element: Element): string => {
    const route = routeOutgoing(element, OURS, partners);
    return route.go === 'partner'
      ? `${route.partner.domain}: ${route.local} → ${route.remote}`
      : `${route.go} ${route.error.code}`;
  };
  for (const [from, to, expected] of [
    [A, B, 'beta.test: alpha.test → beta.test'],
    ['alpha.test', 'beta.test', 'beta.test: alpha.test → beta.test'],
    ['cluster@conference.alpha.test/cm', B, 'beta.test: conference.alpha.test → beta.test'],
    [A, 'cluster@conference.beta.test/a@alpha.test', 'beta.test: alpha.test → conference.beta.test'],
    ['ann@people.alpha.test/x', B, 'back M4C_PARTNER_ADDRESS'],
    [B, A, 'back M4C_PARTNER_ADDRESS'],
    ['x.alpha.test', B, 'back M4C_PARTNER_ADDRESS'],
    ['cm@alpha.test.beta.test', B, 'back M4C_PARTNER_ADDRESS'],
    [A, 'te1@gamma.test', 'back M4C_PARTNER_UNKNOWN'],
    [A, 'x@y.beta.test', 'back M4C_PARTNER_UNKNOWN'],
    [A, 'alpha.test', 'back M4C_PARTNER_UNKNOWN'],
    [undefined, B, 'nowhere M4C_MALFORMED'],
    [A, undefined, 'nowhere M4C_MALFORMED'],
    [A, 'BETA.test', 'nowhere M4C_MALFORMED'],
    [A, 'a@b@beta.test', 'nowhere M4C_MALFORMED'],
  ] as const)
    assert.equal(outcome(stanza(from, to)), expected, `${from} → ${to}`);
  for (const name of ['message', 'presence', 'iq']) assert.match(outcome(stanza(A, B, name)), /^beta/);
  for (const name of ['handshake', 'features', 'x:message'])
    assert.match(outcome(stanza(A, B, name)), /^nowhere/);
  assert.equal(outcome(prefixed(stanza(A, B))), 'back M4C_MALFORMED');
});

test('of a partner: from a host that the stream may speak for, to one that it may speak to', () => {
  const outcome = (element: Element): string => {
    const route = routeIncoming(element, { theirs: THEIRS, ours: OURS });
    if (route.go === 'close') return `close ${route.condition}`;
    return route.go === 'back' ? `back ${route.error.code}` : route.go;
  };
  for (const [from, to, expected] of [
    [B, A, 'server'],
    ['beta.test', 'alpha.test', 'server'],
    ['cluster@conference.beta.test/te9', A, 'server'],
    [B, 'cluster@conference.alpha.test/te9', 'server'],
    // Forged: ours, another partner's, and names that only look like theirs.
    [A, 'te1@alpha.test', 'close invalid-from'],
    ['te1@gamma.test', A, 'close invalid-from'],
    ['x@sub.beta.test', A, 'close invalid-from'],
    ['x@beta.test.gamma.test', A, 'close invalid-from'],
    ['x@notbeta.test', A, 'close invalid-from'],
    ['gamma.test/x@beta.test', A, 'close invalid-from'],
    // To whom it may not speak.
    [B, 'ann@people.alpha.test', 'close improper-addressing'],
    [B, 'te1@gamma.test', 'close improper-addressing'],
    [B, B, 'close improper-addressing'],
    [undefined, A, 'close improper-addressing'],
    [B, undefined, 'close improper-addressing'],
    ['', A, 'close improper-addressing'],
    ['te9@Beta.test', A, 'close improper-addressing'],
    ['te9@beta.test/\u007f', A, 'close improper-addressing'],
  ] as const)
    assert.equal(outcome(stanza(from, to)), expected, `${from} → ${to}`);
  assert.equal(outcome(stanza(B, A, 'x:message')), 'close unsupported-stanza-type');
  assert.equal(outcome(prefixed(stanza(B, A))), 'back M4C_MALFORMED');
});
