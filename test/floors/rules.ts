/**
 * The rules of the house: which folder may import what. Each rule takes what was read and returns the violations as
 * sentences; it reads nothing itself.
 */
import { dirname, join, normalize } from 'node:path';
import { COMPUTED, type Manifests, type Source } from './imports.ts';

/** A workspace imports only workspaces below it. A new package takes its floor here. */
const FLOORS: Record<string, number> = {
  'packages/core': 0,
  'infra/build': 0,
  'packages/access': 1,
  'packages/bus': 1,
  'packages/cluster': 1,
  'packages/commands': 1,
  'packages/messaging': 1,
  'packages/pki': 1,
  'packages/runtime': 1,
  'packages/saml': 1,
  'packages/xmpp': 1,
  'packages/member': 2,
  'apps/*': 3,
  'infra/docs': 4,
  'infra/lab': 4,
  test: 5,
};

/** An outside library is imported by one workspace only, so that replacing it is one place's work. */
const DOORS: { library: RegExp; door: string }[] = [
  { library: /^(node-forge|@peculiar\/.*|reflect-metadata|ldapts)$/, door: 'packages/pki' },
  { library: /^@xmpp\//, door: 'packages/xmpp' },
  { library: /^(nats|@nats-io\/.*)$/, door: 'packages/bus' },
  { library: /^(pino|prom-client|yaml)$/, door: 'packages/runtime' },
  { library: /^(xml-crypto|@xmldom\/.*|parse5)$/, door: 'packages/saml' },
  { library: /^commander$/, door: 'apps/cli' },
];

/** Feed codecs (ADR 15), or run decisions, that no package shows to others. */
const INSIDERS = ['test/fuzz/', 'test/simulation/'];

/** Becomes the program that was built, or its source. */
const LAUNCHER = 'apps/cli/bin/mom4c.js';

const CORE_LIBRARIES = ['zod'];
const VAGUE_NAMES = ['utils', 'util', 'common', 'types', 'shared', 'helpers'];
const OURS = '@mom4c/';

export function violations(sources: Source[], manifests: Manifests): string[] {
  const found = sources.flatMap((source) =>
    source.imports.flatMap((specifier) => {
      const faults = importFaults({ source, specifier, manifests });
      return faults.map((fault) => `${source.path} imports ${specifier}: ${fault}`);
    }),
  );
  return [...found, ...manifestFaults(manifests), ...unused(sources, manifests), ...cycles(sources)];
}

type Import = { source: Source; specifier: string; manifests: Manifests };

function importFaults(imported: Import): string[] {
  const { source, specifier, manifests } = imported;
  const from = workspaceOf(source.path, manifests);
  if (specifier === COMPUTED)
    return source.path === LAUNCHER ? [] : ['write the name as a plain string, so that it can be checked'];
  if (specifier.startsWith('node:')) return [];
  if (specifier.startsWith('.')) return relativeFaults(source.path, specifier, from, manifests);

  const name = packageName(specifier);
  return [
    ...(specifier === name || !name.startsWith(OURS) ? [] : [`import ${name}; it exports only "."`]),
    ...dependencyFaults(from, name, manifests, isTest(source.path)),
    ...(isDeclared(imported, from, name) ? [] : [`${from}/package.json does not declare it`]),
  ];
}

function relativeFaults(path: string, specifier: string, from: string, manifests: Manifests): string[] {
  const to = workspaceOf(normalize(join(dirname(path), specifier)), manifests);
  return to === from || INSIDERS.some((folder) => path.startsWith(folder))
    ? []
    : [`it leaves ${from} for ${to}; import packages by their names`];
}

/** What holds for an import and for a declared dependency alike. */
function dependencyFaults(from: string, name: string, manifests: Manifests, inTest: boolean): string[] {
  if (name.startsWith(OURS)) return floorFaults(from, name, manifests);
  const door = DOORS.find(({ library }) => library.test(name))?.door;
  const faults = door && door !== from ? [`only ${door} may`] : [];
  if (from === 'packages/core' && !inTest && !CORE_LIBRARIES.includes(name)) {
    faults.push(`core imports only ${CORE_LIBRARIES.join(', ')}`);
  }
  return faults;
}

function floorFaults(from: string, name: string, manifests: Manifests): string[] {
  const folder = name.slice(OURS.length);
  const to = [...manifests.keys()].find((workspace) => workspace.split('/').at(-1) === folder);
  if (to === undefined) return ['there is no such workspace'];
  if (from === 'infra/lab' && to.startsWith('apps/')) return ['the lab starts apps as processes'];
  const [fromFloor, toFloor] = [floorOf(from), floorOf(to)];
  if (fromFloor === undefined || toFloor === undefined) return []; // its folder is reported without a floor
  return toFloor < fromFloor ? [] : [`${to} is not below ${from}`];
}

/** Tests may use the tools that the root declares for everybody. */
function isDeclared({ source, manifests }: Import, from: string, name: string): boolean {
  const own = manifests.get(from);
  if (own?.dependencies.has(name)) return true;
  if (!isTest(source.path)) return false;
  return own?.devDependencies.has(name) || manifests.get('.')?.devDependencies.has(name) || false;
}

function manifestFaults(manifests: Manifests): string[] {
  return [...manifests].flatMap(([workspace, { dependencies }]) => {
    if (workspace === '.') return [];
    const name = workspace.split('/').at(-1) ?? '';
    const faults = [...dependencies].flatMap((dependency) =>
      dependencyFaults(workspace, dependency, manifests, false).map(
        (fault) => `depends on ${dependency}: ${fault}`,
      ),
    );
    if (VAGUE_NAMES.includes(name)) faults.push('its name does not say what it is for');
    if (floorOf(workspace) === undefined) faults.push('it has no floor; give it one in test/floors/rules.ts');
    return faults.map((fault) => `${workspace}: ${fault}`);
  });
}

/** Workspaces that are declared and not imported; `test` declares what it starts as processes, too. */
function unused(sources: Source[], manifests: Manifests): string[] {
  const used = new Set(
    sources.flatMap(({ path, imports }) =>
      imports.map((specifier) => `${workspaceOf(path, manifests)} ${packageName(specifier)}`),
    ),
  );
  return [...manifests].flatMap(([workspace, { dependencies }]) =>
    [...dependencies]
      .filter((name) => workspace !== 'test' && name.startsWith(OURS) && !used.has(`${workspace} ${name}`))
      .map((name) => `${workspace}: depends on ${name} and does not import it`),
  );
}

/** One sentence per cycle of files that import each other. */
function cycles(sources: Source[]): string[] {
  const edges = new Map(sources.map(({ path, imports }) => [path, relativeTargets(path, imports)]));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: string[]) => {
    if (trail.includes(path)) {
      found.push(`cycle: ${[...trail.slice(trail.indexOf(path)), path].join(' → ')}`);
      return;
    }
    if (done.has(path)) return;
    done.add(path);
    for (const target of edges.get(path) ?? []) visit(target, [...trail, path]);
  };
  for (const path of edges.keys()) visit(path, []);
  return found;
}

function relativeTargets(path: string, imports: string[]): string[] {
  return imports
    .filter((specifier) => specifier.startsWith('.'))
    .map((s) => normalize(join(dirname(path), s)));
}

/** The longest workspace folder that holds the path; the root '.' for what is in none. */
function workspaceOf(path: string, manifests: Manifests): string {
  const holders = [...manifests.keys()].filter((folder) => path.startsWith(`${folder}/`));
  return holders.toSorted((a, b) => b.length - a.length)[0] ?? '.';
}

function floorOf(workspace: string): number | undefined {
  return FLOORS[workspace] ?? (workspace.startsWith('apps/') ? FLOORS['apps/*'] : undefined);
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function isTest(path: string): boolean {
  return path.startsWith('test/') || path.endsWith('.test.ts');
}
