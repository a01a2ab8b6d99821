// Mutation seen red: REQUIRED emptied; the room's own value dropped for fields without a wish; `startsWith` without the
// slash in `nickIn`; `oneOf` returning its text; the filter of `children` removed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textOf, xml, type Element } from './element.ts';
import { filledConfig, nickIn, NS_MUC_OWNER, NS_MUC_USER, occupantPresence } from './muc.ts';
import { isError } from './test-fakes.ts';

const ROOM = 'cluster@conference.alpha.test';

const offer = (...fields: Element[]): Element =>
  xml(
    'iq',
    {},
    xml('query', { xmlns: NS_MUC_OWNER }, xml('x', { xmlns: 'jabber:x:data', type: 'form' }, ...fields)),
  );
const field = (name: string | undefined, ...values: string[]): Element =>
  xml('field', { var: name, type: 'boolean' }, ...values.map((value) => xml('value', {}, value)));
const NEEDED = ['persistentroom', 'membersonly', 'presencebroadcast'].map((name) =>
  field(`muc#roomconfig_${name}`, '0'),
);

test('the form that is offered is filled in: our wishes, and the room’s own values for the rest', () => {
  const form = filledConfig(
    offer(
      field('FORM_TYPE', 'urn:form'),
      ...NEEDED,
      field('muc#roomconfig_maxusers', '200'),
      field('other', 'a', 'b'),
      field(undefined, 'x'),
    ),
    { whois: 'moderators', maxUsers: 5_000 },
  );
  assert.equal(form.attrs.type, 'submit');
  assert.deepEqual(
    form.getChildren('field').map((one) => [one.attrs.var, one.getChildren('value').map(textOf)]),
    [
      ['FORM_TYPE', ['urn:form']],
      ['muc#roomconfig_persistentroom', ['1']],
      ['muc#roomconfig_membersonly', ['1']],
      ['muc#roomconfig_presencebroadcast', ['moderator']],
      ['muc#roomconfig_maxusers', ['5000']],
      ['other', ['a', 'b']],
    ],
  );
});

test('a room that cannot be closed to strangers is refused', () => {
  for (let left = 0; left < NEEDED.length; left += 1)
    assert.throws(
      () => filledConfig(offer(...NEEDED.toSpliced(left, 1)), { whois: 'moderators' }),
      isError('M4C_ROOM', new RegExp(NEEDED[left]!.attrs.var!)),
    );
  assert.throws(() => filledConfig(xml('iq'), { whois: 'moderators' }), isError('M4C_ROOM'));
});

test('nicks belong to one room only', () => {
  assert.equal(nickIn(ROOM, `${ROOM}/te1`), 'te1');
  assert.equal(nickIn(ROOM, `${ROOM}/a/b`), 'a/b');
  assert.equal(nickIn(ROOM, ROOM), '');
  assert.equal(nickIn(ROOM, `${ROOM}.evil.test/te1`), undefined);
});

test('what an occupant’s presence says, and what counts as nothing', () => {
  const presence = (type: string | undefined, ...children: Element[]) =>
    occupantPresence(ROOM, { from: `${ROOM}/te1`, type, element: xml('presence', { type }, ...children) });
  const item = xml('item', { affiliation: 'owner', role: 'moderator', jid: 'cm1@alpha.test/a' });
  const signed = xml('x', { xmlns: 'jabber:x:signed' });
  const seen = presence(
    undefined,
    signed,
    xml('x', { xmlns: NS_MUC_USER }, item, xml('status', { code: '110' })),
  )!;
  assert.deepEqual(
    [seen.nick, seen.jid, seen.available, seen.affiliation, seen.role, seen.self, seen.children],
    ['te1', 'cm1@alpha.test/a', true, 'owner', 'moderator', true, [signed]],
  );
  const strange = presence(
    'unavailable',
    xml('x', { xmlns: NS_MUC_USER }, xml('item', { affiliation: 'god', role: 'king' })),
  )!;
  assert.deepEqual(
    [strange.available, strange.affiliation, strange.role, strange.self],
    [false, 'none', 'none', false],
  );
  assert.equal(presence(undefined, signed), undefined);
  assert.equal(presence('subscribe', xml('x', { xmlns: NS_MUC_USER })), undefined);
});
