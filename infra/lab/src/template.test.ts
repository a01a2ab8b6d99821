// Mutation seen red: white space taken out of the unsafe characters; a list taken for nested settings.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillTemplate } from './template.ts';
import { toYaml } from './yaml.ts';

const values = {
  NAME: 'alpha.test',
  HOST: '127.0.0.1',
  FOLDER: '/srv/lab',
  PORT: 4222,
  USERS: { text: '{ user: "a b" }' },
  GATEWAYS: { text: '' },
  CLUSTER: { text: '' },
};

test('every place of a template is filled', () => {
  const text = fillTemplate('nats-server.conf', values);
  assert.match(text, /listen: "127\.0\.0\.1:4222"/);
  assert.match(text, /\{ user: "a b" \}/);
  assert.doesNotMatch(text, /\$\{/);
});

test('a value that could leave its place is refused', () => {
  for (const FOLDER of [
    '/srv/a"b',
    '/srv/a\nb',
    '/srv/a b',
    '/srv/$HOME',
    '/srv/${DOMAIN}',
    '/srv/a\\',
    "/srv/'",
    '',
  ])
    assert.throws(() => fillTemplate('nats-server.conf', { ...values, FOLDER }), { code: 'M4C_LAB' }, FOLDER);
});

test('a missing value is refused', () => {
  const { NAME: _, ...rest } = values;
  assert.throws(() => fillTemplate('nats-server.conf', rest), { code: 'M4C_LAB' });
});

test('settings become YAML', () => {
  const settings = { domain: 'alpha.test', xmpp: { host: '127.0.0.1', port: 5223 }, odd: 'a: "b"\n#c' };
  const expected = 'domain: "alpha.test"\nxmpp:\n  host: "127.0.0.1"\n  port: 5223\nodd: "a: \\"b\\"\\n#c"\n';
  assert.equal(toYaml(settings), expected);
});

test('lists in settings become lists', () => {
  const partners = [{ domain: 'beta.test', hosts: ['beta.test'] }, { domain: 'gamma.test' }];
  assert.equal(
    toYaml({ hosts: ['a', 'b'], partners }),
    `hosts: ["a","b"]\npartners: ${JSON.stringify(partners)}\n`,
  );
});
