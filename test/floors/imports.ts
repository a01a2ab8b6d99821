/** Reads what each source file imports, and what each workspace declares. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';

/** `path` is relative to the root; `imports` are the specifiers as written, type imports included. */
export type Source = { path: string; imports: string[] };
export type Manifest = { dependencies: Set<string>; devDependencies: Set<string> };
/** By workspace folder; the root is '.'. */
export type Manifests = Map<string, Manifest>;

/** Stands for a specifier that is not a plain string, so that nobody can tell what it imports. */
export const COMPUTED = '(computed)';

const OTHERS = ['**/node_modules/**', '**/dist/**'];

export function parseSource(path: string, text: string): Source {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);

  const imports: string[] = [];
  const add = (source: { type: string; value?: unknown } | null) => {
    if (source) imports.push(typeof source.value === 'string' ? source.value : COMPUTED);
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
  }).visit(program);
  return { path, imports };
}

export function readSources(root: string): Source[] {
  return globSync('{packages,apps,infra,test}/**/*.{ts,js,mjs}', { cwd: root, exclude: OTHERS }).map((path) =>
    parseSource(path, readFileSync(join(root, path), 'utf8')),
  );
}

export function readManifests(root: string): Manifests {
  const paths = globSync(['package.json', '{packages,apps,infra}/*/package.json', 'test/package.json'], {
    cwd: root,
  });
  return new Map(
    paths.map((path) => [join(path, '..'), parseManifest(readFileSync(join(root, path), 'utf8'))]),
  );
}

function parseManifest(text: string): Manifest {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(text);
  return {
    dependencies: new Set(Object.keys(dependencies)),
    devDependencies: new Set(Object.keys(devDependencies)),
  };
}
