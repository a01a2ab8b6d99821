// Mutation seen red: (1) maxAliasCount 0 → -1 in yaml.ts; (2) overrides not merged; (3) environment faults not
// thrown where zod finds none; (4) resolvePath not called.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import * as z from 'zod';
import { filePath, healthSchema, listSettings, loadConfig, logSchema, toYaml } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-config-'));
after(() => rmSync(folder, { recursive: true }));

const schema = z.strictObject({
  name: z.string().min(1).meta({ env: 'MOM4C_NAME', description: 'Name of the node.' }),
  keystore: filePath().default('keys/node.p12').meta({ env: 'MOM4C_KEYSTORE' }),
  lease: z.int().min(1).default(12_000),
  servers: z.array(z.string()).default([]).meta({ env: 'MOM4C_SERVERS' }),
  xmpp: z.strictObject({
    host: z.string(),
    port: z.int().min(1).max(65535).default(5222).meta({ env: 'MOM4C_XMPP_PORT' }),
  }),
  log: logSchema,
  health: healthSchema,
});

function file(text: string): string {
  const path = join(folder, 'config.yaml');
  writeFileSync(path, text);
  return path;
}

function faultOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof Mom4cError, String(error));
    assert.equal(error.code, 'M4C_CONFIG');
    return error.message;
  }
  return assert.fail('was accepted');
}

const GOOD = 'name: te1\nxmpp:\n  host: xmpp.alpha.test\n';

test('defaults, file, environment and overrides, each stronger than the one before', () => {
  const config = loadConfig(schema, {
    file: file(`${GOOD}  port: 1\n`),
    env: {
      MOM4C_XMPP_PORT: '15222',
      MOM4C_NAME: '007',
      MOM4C_SERVERS: '[a, b]',
      MOM4C_LOG_LEVEL: 'debug',
      HOME: '/x',
    },
    overrides: { log: { level: 'warn' }, lease: 60_000, health: undefined },
  });
  assert.deepEqual(config, {
    name: '007',
    keystore: join(folder, 'keys/node.p12'),
    lease: 60_000,
    servers: ['a', 'b'],
    xmpp: { host: 'xmpp.alpha.test', port: 15222 },
    log: { level: 'warn' },
  });
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.xmpp));
});

test('JSON is YAML; a path from outside is relative to the file, an absolute one stays', () => {
  const path = file(JSON.stringify({ name: 'te1', xmpp: { host: 'h' }, health: { port: 0 } }));
  const config = loadConfig(schema, { file: path, env: { MOM4C_KEYSTORE: '../other.p12' } });
  assert.equal(config.keystore, join(folder, '..', 'other.p12'));
  assert.deepEqual([config.health, config.lease], [{ host: '127.0.0.1', port: 0 }, 12_000]);
  assert.equal(loadConfig(schema, { file: path, overrides: { keystore: '/k' } }).keystore, '/k');
});

test('all faults at once, by path and reason, without the values', () => {
  const message = faultOf(() =>
    loadConfig(schema, {
      file: file('name: ""\nsecret: hunter2\nxmpp:\n  port: hunter2\nlog:\n  level: loud\nlease: hunter2h\n'),
      env: { MOM4C_XMPP_PORT: '99999', MOM4C_SERVERS: '[' },
    }),
  );
  const parts = [
    'name:',
    'secret: there is no such setting',
    'xmpp.host:',
    'xmpp.port (from MOM4C_XMPP_PORT):',
  ];
  parts.push('log.level:', 'lease: ', 'servers (from MOM4C_SERVERS): cannot be read as array');
  for (const part of [...parts, join(folder, 'config.yaml')])
    assert.ok(message.includes(part), `${part} is not in ${message}`);
  assert.ok(!message.includes('hunter2'), message);
});

test('a fault of the environment alone is a fault', () => {
  assert.match(
    faultOf(() => loadConfig(schema, { file: file(GOOD), env: { MOM4C_SERVERS: '[' } })),
    /MOM4C_SERVERS/,
  );
});

test('hostile files are refused', async (context) => {
  const bomb = 'abcdefgh'.split('').map(
    (name, i, all) =>
      `${name}: &${name} [${Array(9)
        .fill(i === 0 ? 'x' : `*${all[i - 1]}`)
        .join(',')}]`,
  );
  const cases: Record<string, [string, RegExp]> = {
    'alias bomb': [bomb.join('\n'), /aliases/],
    'a single alias': ['name: &n te1\nxmpp: {host: *n}\n', /aliases/],
    'repeated key': [`${GOOD}name: te2\n`, /unique/],
    'custom tag': ['name: !!js/function x\n', /tag/],
    'no mapping': ['- a\n', /setting/],
    'two documents': [`${GOOD}---\n${GOOD}`, /document/],
    'broken YAML': ['name: [', /line 1/],
    'deep nesting': [`name: ${'['.repeat(50_000)}`, /M4C_CONFIG/],
    'too large': [`name: ${'x'.repeat(300_000)}`, /larger/],
    'a key named __proto__': [`${GOOD}__proto__: {polluted: 1}\n`, /__proto__/],
  };
  for (const [name, [text, reason]] of Object.entries(cases))
    await context.test(name, () =>
      assert.match(
        faultOf(() => loadConfig(schema, { file: file(text) })),
        reason,
      ),
    );
  assert.equal(({} as { polluted?: number }).polluted, undefined);
  assert.match(
    faultOf(() => loadConfig(schema, { file: join(folder, 'absent') })),
    /ENOENT/,
  );
  assert.match(
    faultOf(() => loadConfig(schema, { file: folder })),
    /no regular file/,
  );
});

test('settings are listed with type, environment name, description and default', () => {
  const settings = listSettings(schema);
  assert.deepEqual(
    settings.map((setting) => setting.path.join('.')),
    [
      'name',
      'keystore',
      'lease',
      'servers',
      'xmpp.host',
      'xmpp.port',
      'log.level',
      'health.host',
      'health.port',
      'health.tls.certFile',
      'health.tls.keyFile',
    ],
  );
  const facts = {
    env: 'MOM4C_NAME',
    description: 'Name of the node.',
    leadsTo: undefined,
    optional: false,
    default: undefined,
  };
  assert.deepEqual(settings[0], { path: ['name'], type: 'string', ...facts });
  assert.deepEqual(
    [settings[1]!.leadsTo, settings[1]!.default, settings[1]!.env],
    ['file', 'keys/node.p12', 'MOM4C_KEYSTORE'],
  );
});

test('toYaml writes plain YAML that reads back', () => {
  const shared = { v: 1 };
  assert.equal(toYaml({ a: shared, b: shared, c: undefined }), 'a:\n  v: 1\nb:\n  v: 1\n');
});

// Red with the refinement of healthSchema taken out, and with isLoopback always true.
test('metrics leave the machine over mutual TLS only', () => {
  const health = (host: string, tls?: object) =>
    healthSchema.safeParse({ host, port: 9464, ...(tls && { tls }) });
  for (const host of ['127.0.0.1', '127.8.9.10', '::1']) assert.equal(health(host).success, true, host);
  // A name is what the resolver makes of it.
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.evil.test', '127.0.0.256', 'localhost', '']) {
    assert.equal(health(host).success, false, host);
    if (host !== '') assert.equal(health(host, { certFile: 'c.pem', keyFile: 'k.pem' }).success, true, host);
  }
  assert.equal(health('0.0.0.0', { certFile: 'c.pem' }).success, false, 'half a TLS');
});
