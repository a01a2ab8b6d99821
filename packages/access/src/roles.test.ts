// Mutation seen red: giving `te` the right sensors:read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROLES } from '@mom4c/core';
import { roleMay } from './roles.ts';

test('administrators and managers may all there is, nobody else may do anything', () => {
  const all = [
    'actuators:read',
    'actuators:write',
    'cluster:manage',
    'cluster:read',
    'federation:manage',
    'federation:read',
    'sensors:read',
  ] as const;
  for (const access of all)
    assert.deepEqual(
      ROLES.filter((role) => roleMay(role, access)),
      ['cm', 'admin'],
    );
});
