// Mutations seen red, one each: an unknown person treated as a viewer; the person looked up for every role; secret
// fields not looked at; `cluster:read` given to viewers; the adapter allowed without a person.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { ROLES, defineCommand } from '@mom4c/core';
import type { Access, Command } from '@mom4c/core';
import { policyOf } from './people.ts';

const ANN = 'ann@people.alpha.test';
const BOB = 'bob@people.alpha.test';
const policy = policyOf({ [ANN]: 'operator', [BOB]: 'viewer' });

function command(access: Access, args: z.ZodType = z.strictObject({})): Command {
  return defineCommand({
    name: 'probe',
    runsOn: 'cm',
    access,
    idempotent: true,
    summary: '',
    args,
    result: z.strictObject({}),
    errors: [],
    examples: [],
    table: { columns: [], rows: () => [] },
    run: async () => ({}),
  });
}

const adapterMay = (onBehalfOf: string | undefined, access: Access): boolean =>
  policy.permits({ role: 'adapter', onBehalfOf }, command(access));

test('an adapter may what the person may for whom it speaks', () => {
  assert.equal(adapterMay(ANN, 'sensors:read'), true);
  assert.equal(adapterMay(ANN, 'cluster:read'), true);
  assert.equal(adapterMay(BOB, 'sensors:read'), true);
  assert.equal(adapterMay(BOB, 'cluster:read'), false);
  assert.equal(adapterMay(ANN, 'federation:read'), true);
  assert.equal(adapterMay(BOB, 'federation:read'), false);
  assert.equal(adapterMay(ANN, 'federation:manage'), false);
  assert.equal(adapterMay(ANN, 'cluster:manage'), false);
  assert.equal(adapterMay(ANN, 'actuators:read'), true);
  assert.equal(adapterMay(BOB, 'actuators:read'), false);
  assert.equal(adapterMay(ANN, 'actuators:write'), false);
});

test('an adapter may nothing for nobody, nor for whom nobody has named', () => {
  for (const person of [undefined, 'eve@people.alpha.test', 'ann@alpha.test', 'constructor', '__proto__', ''])
    assert.equal(adapterMay(person, 'sensors:read'), false, String(person));
});

test('who signs for himself needs no name in the policy, and may not speak for others', () => {
  const may = (onBehalfOf?: string) =>
    ROLES.filter((role) => policy.permits({ role, onBehalfOf }, command('cluster:read')));
  assert.deepEqual(may(), ['cm', 'admin']);
  assert.deepEqual(may(ANN), ['adapter']);
});

test('no command with a secret field, however deep, goes through an adapter', () => {
  const secret = z.string().meta({ secret: true }).optional();
  const schemas = [
    z.strictObject({ password: secret }),
    z.strictObject({ list: z.array(z.strictObject({ inner: z.union([z.number(), secret]) })) }),
  ];
  for (const args of schemas) {
    assert.equal(policy.permits({ role: 'adapter', onBehalfOf: ANN }, command('sensors:read', args)), false);
    assert.equal(policy.permits({ role: 'admin' }, command('sensors:read', args)), true);
  }
  const open = z.strictObject({ password: z.string().meta({ secret: false }) });
  assert.equal(policy.permits({ role: 'adapter', onBehalfOf: ANN }, command('sensors:read', open)), true);
});
