import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complete } from './lock.ts';

test('an optional package that npm could not fetch is listed with its platform', () => {
  const { packages } = complete({
    packages: {
      'node_modules/tool': {
        dev: true,
        optionalDependencies: {
          '@tool/linux-x64': '1.0.0',
          '@tool/windows-64': '1.0.0',
          '@tool/linux-arm-musleabihf': '1.0.0',
        },
      },
      'node_modules/@tool/linux-x64': { version: '1.0.0', dev: true, optional: true },
    },
  });
  const added = { version: '1.0.0', dev: true, optional: true };
  assert.deepEqual(packages['node_modules/@tool/linux-x64'], added);
  assert.deepEqual(packages['node_modules/@tool/windows-64'], { ...added, os: ['win32'], cpu: ['x64'] });
  assert.deepEqual(packages['node_modules/@tool/linux-arm-musleabihf'], {
    ...added,
    os: ['linux'],
    cpu: ['arm'],
    libc: ['musl'],
  });
});
