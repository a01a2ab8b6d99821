/** Who may import whom: the rules of test/floors/rules.ts, on the whole repository, and each of them on a breach. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Manifests, parseSource, readManifests, readSources } from './floors/imports.ts';
import { violations } from './floors/rules.ts';

const root = join(import.meta.dirname, '..');

test('this repository keeps the rules', () => {
  assert.deepEqual(violations(readSources(root), readManifests(root)), []);
});

describe('a breach is found', () => {
  const app = ['@mom4c/core', '@mom4c/pki', '@mom4c/member', 'zod'];

  breach(
    'a leaf imports a leaf',
    { 'packages/pki/src/a.ts': "import '@mom4c/bus'" },
    /packages\/bus is not below/,
  );
  breach(
    'core imports a leaf',
    { 'packages/core/src/a.ts': "import '@mom4c/pki'" },
    /is not below packages\/core/,
  );
  breach(
    'a leaf imports member',
    { 'packages/bus/src/a.ts': "import '@mom4c/member'" },
    /member is not below/,
  );
  breach(
    'an app imports an app',
    { 'apps/cli/src/a.ts': "import '@mom4c/te'" },
    /apps\/te is not below apps\/cli/,
  );
  breach(
    'the lab imports an app',
    { 'infra/lab/src/a.ts': "import '@mom4c/te'" },
    /starts apps as processes/,
  );
  breach('an app imports the lab', { 'apps/te/src/a.ts': "import '@mom4c/lab'" }, /infra\/lab is not below/);
  breach(
    'a type import counts',
    { 'packages/pki/src/a.ts': "import type { A } from '@mom4c/bus'" },
    /not below/,
  );
  breach('import("…").T counts', { 'packages/pki/src/a.ts': "type A = import('@mom4c/bus').A" }, /not below/);
  breach('a re-export counts', { 'packages/pki/src/a.ts': "export * from '@mom4c/bus'" }, /not below/);
  breach('import() counts', { 'packages/pki/src/a.ts': "await import('@mom4c/bus')" }, /not below/);
  breach('a computed import', { 'packages/pki/src/a.ts': 'await import(name)' }, /plain string/);

  for (const [library, door] of [
    ['node-forge', 'packages/pki'],
    ['node-forge/lib/asn1.js', 'packages/pki'],
    ['@peculiar/x509', 'packages/pki'],
    ['ldapts', 'packages/pki'],
    ['@xmpp/client', 'packages/xmpp'],
    ['nats', 'packages/bus'],
    ['pino', 'packages/runtime'],
    ['prom-client', 'packages/runtime'],
    ['yaml', 'packages/runtime'],
    ['commander', 'apps/cli'],
  ]) {
    breach(
      `another door for ${library}`,
      { 'packages/member/src/a.ts': `import '${library}'` },
      `only ${door} may`,
    );
  }

  breach(
    'core imports a library',
    { 'packages/core/src/a.ts': "import 'left-pad'" },
    /core imports only zod/,
  );
  breach('a deep import', { 'apps/te/src/a.ts': "import '@mom4c/core/src/jid.ts'" }, /exports only "\."/);
  breach(
    'a path into another package',
    { 'apps/te/src/a.ts': "import '../../../packages/pki/src/b.ts'" },
    /leaves/,
  );
  breach(
    'a path into a package, from another test',
    { 'test/integration/a.ts': "import '../../packages/pki/src/b.ts'" },
    /leaves/,
  );
  breach('an undeclared library', { 'apps/te/src/a.ts': "import 'hono'" }, /does not declare it/);
  breach('an undeclared workspace', { 'apps/te/src/a.ts': "import '@mom4c/xmpp'" }, /does not declare it/);
  breach('a test tool in the product', { 'apps/te/src/a.ts': "import 'fast-check'" }, /does not declare it/);
  breach('a builtin without node:', { 'packages/core/src/a.ts': "import 'fs'" }, /does not declare it/);
  breach(
    'a cycle of files',
    {
      'packages/pki/src/a.ts': "import './b.ts'",
      'packages/pki/src/b.ts': "import type { C } from './c.ts'",
      'packages/pki/src/c.ts': "export * from './a.ts'",
    },
    /cycle: packages\/pki\/src\/a\.ts → .*b\.ts → .*c\.ts → packages\/pki\/src\/a\.ts/,
  );

  test('a dependency that is only declared', () => {
    const found = violations([], house({ 'packages/member': ['nats'] }));
    assert.match(found.join('\n'), /packages\/member: depends on nats: only packages\/bus may/);
  });
  test('a workspace that is declared and not imported', () => {
    const found = violations([], house({ 'apps/te': ['@mom4c/pki'] }));
    assert.match(found.join('\n'), /apps\/te: depends on @mom4c\/pki and does not import it/);
  });
  test('a package named utils', () => {
    assert.match(violations([], house({ 'packages/utils': [] })).join('\n'), /does not say what it is for/);
  });
  test('a package without a floor', () => {
    assert.match(violations([], house({ 'packages/novel': [] })).join('\n'), /it has no floor/);
  });

  /** The sources, in a house where every workspace exists, break exactly the rule that is meant. */
  function breach(name: string, files: Record<string, string>, expected: RegExp | string) {
    test(name, () => {
      const sources = Object.entries(files).map(([path, text]) => parseSource(path, text));
      const found = violations(
        sources,
        house({ 'apps/cli': app, 'apps/te': app, 'packages/member': app.slice(0, 2) }),
      );
      assert.match(found.join('\n'), typeof expected === 'string' ? new RegExp(expected) : expected);
    });
  }
});

test('what the rules allow is not reported', () => {
  const sources = [
    parseSource('packages/core/src/a.ts', "import 'zod'; import 'node:crypto'; import './b.ts'"),
    parseSource('packages/core/src/a.test.ts', "import 'fast-check'; import './a.ts'"),
    parseSource('packages/core/src/b.ts', ''),
    parseSource('packages/bus/src/a.ts', "import 'nats'; import '@mom4c/core'"),
    parseSource('infra/bootstrap/start.mjs', "import 'node:fs'"),
    parseSource('test/integration/a.test.ts', "import '@mom4c/lab'"),
    parseSource('test/fuzz/targets/a.ts', "import '../../../packages/pki/src/b.ts'"),
  ];
  const manifests = house({
    'packages/core': ['zod'],
    'packages/bus': ['nats', '@mom4c/core'],
    test: ['@mom4c/lab', '@mom4c/te'],
  });
  assert.deepEqual(violations(sources, manifests), []);
});

/** A repository with a few workspaces, each with the given dependencies. */
function house(dependencies: Record<string, string[]>): Manifests {
  const folders = ['core', 'pki', 'bus', 'xmpp', 'runtime', 'member'].map((name) => `packages/${name}`);
  const workspaces = [
    '.',
    ...folders,
    'apps/cli',
    'apps/te',
    'infra/lab',
    'test',
    ...Object.keys(dependencies),
  ];
  const manifest = (workspace: string) => ({
    dependencies: new Set(dependencies[workspace]),
    devDependencies: new Set(workspace === '.' ? ['fast-check'] : []),
  });
  return new Map(workspaces.map((workspace) => [workspace, manifest(workspace)]));
}
