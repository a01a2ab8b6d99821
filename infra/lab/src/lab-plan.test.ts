// Mutation seen red: the server of one domain taken for all; a server of an unknown domain not refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOf } from './lab-plan.ts';
import type { LabOptions } from './lab-plan.ts';
import { releasePorts } from './ports.ts';

/** The XMPP server of each domain, as the state has it and as it is started. */
async function serversOf(options: Omit<LabOptions, 'folder'>): Promise<string[]> {
  const plan = await planOf({ folder: '/nowhere', ...options });
  releasePorts(
    plan.flatMap(({ adminPort, components }) => [adminPort, ...components.map(({ port }) => port)]),
  );
  return plan.map(({ name, xmpp, components }) => `${name} ${xmpp} ${components[0]?.name}`);
}

test('each domain has its XMPP server: ejabberd, the one for all, or its own', async () => {
  const domains = ['alpha.test', 'beta.test'];
  assert.deepEqual(await serversOf({}), ['alpha.test ejabberd ejabberd']);
  assert.deepEqual(await serversOf({ domains, server: 'prosody' }), [
    'alpha.test prosody prosody',
    'beta.test prosody prosody',
  ]);
  assert.deepEqual(await serversOf({ domains, server: { 'beta.test': 'prosody' } }), [
    'alpha.test ejabberd ejabberd',
    'beta.test prosody prosody',
  ]);
});

test('a server for a domain that is not of the lab is a mistake of who asks', async () => {
  await assert.rejects(planOf({ folder: '/nowhere', server: { 'gamma.test': 'prosody' } }), {
    code: 'M4C_USAGE',
  });
});
