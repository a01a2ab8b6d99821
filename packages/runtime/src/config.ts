import { dirname, resolve } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import type * as z from 'zod';
import { readSmallFile } from './read-file.ts';
import { fieldsOf } from './schema-fields.ts';
import { listSettings, type PathKind, type Setting } from './settings.ts';
import { similar } from './similar.ts';
import { parseYaml } from './yaml.ts';

export type ConfigSources = {
  /** YAML (JSON is YAML). Relative paths of all sources are taken from its folder; without a file, from here. */
  file?: string | undefined;
  /** Stronger than the file, under the names in the schema's `.meta({env})`. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Strongest: a part of the configuration, from command-line options. */
  overrides?: Readonly<Record<string, unknown>>;
};

/** Which setting, and why it is wrong; never holds the value, which could be a secret. */
export type ConfigFault = {
  path: string;
  reason: string;
  expected?: string | undefined;
  /** What was probably meant, or what to do. */
  hint?: string | undefined;
};

/** What was found out about a configuration. */
export type Examined<Settings> = {
  readonly faults: readonly ConfigFault[];
  /** Absolute; of the settings that are paths, whatever else is wrong. */
  readonly paths: readonly { setting: string; path: string; kind: PathKind }[];
  /** Where there are no faults; frozen. */
  readonly settings: Settings | undefined;
};

type Tree = { [key: string]: unknown };

const MAX_CONFIG_BYTES = 256 * 1024;

/** Reads, merges and checks a configuration, and freezes it. The schema's objects must be strict.
 *  @throws Mom4cError M4C_CONFIG which lists all faults, one `path: reason` each */
export function loadConfig<Shape extends z.ZodObject>(
  schema: Shape,
  sources: ConfigSources,
): z.output<Shape> {
  const { faults, settings } = examineConfig(schema, sources);
  if (settings === undefined) throw configError(sources.file, faults);
  return settings;
}

/** The same without a throw, for who wants to know more. */
export function examineConfig<Shape extends z.ZodObject>(
  schema: Shape,
  sources: ConfigSources,
): Examined<z.output<Shape>> {
  const known = listSettings(schema);
  const faults: ConfigFault[] = [];
  const tree = sources.file === undefined ? {} : readTree(sources.file, faults);
  if (tree === undefined) return { faults, paths: [], settings: undefined };
  const fromEnv = new Map<string, string>();
  for (const setting of known) applyEnvironment(tree, setting, sources.env ?? {}, fromEnv, faults);
  merge(tree, sources.overrides ?? {});

  const parsed = schema.safeParse(tree);
  if (!parsed.success) {
    const expected = new Map(fieldsOf(schema).map(({ path, type }) => [path, type]));
    faults.push(
      ...parsed.error.issues.flatMap((issue) => faultsOf(issue, { tree, fromEnv, known, expected })),
    );
  }
  const folder = sources.file === undefined ? process.cwd() : dirname(resolve(sources.file));
  const read = (parsed.data ?? tree) as Tree;
  const found = known.flatMap(({ path, leadsTo: kind, default: byDefault }) => {
    if (kind === undefined) return [];
    const written = textsAt(read, path);
    const implied =
      written.length === 0 && typeof byDefault === 'string'
        ? [{ setting: path.join('.'), text: byDefault, put() {} }]
        : [];
    return [...written, ...implied].map(({ setting, text, put }) => ({
      setting,
      path: resolve(folder, text),
      kind,
      put,
    }));
  });
  const paths = found.map(({ setting, path, kind }) => ({ setting, path, kind }));
  if (!parsed.success || faults.length > 0) return { faults, paths, settings: undefined };
  for (const { path, put } of found) put(path);
  return { faults, paths, settings: deepFreeze(parsed.data) };
}

/** What a file holds, checked by nothing. @throws Mom4cError M4C_CONFIG */
export function readConfig(file: string): Readonly<Record<string, unknown>> {
  const faults: ConfigFault[] = [];
  const tree = readTree(file, faults);
  if (!tree) throw configError(file, faults);
  return tree;
}

function readTree(file: string, faults: ConfigFault[]): Tree | undefined {
  try {
    const { text } = readSmallFile(file, MAX_CONFIG_BYTES);
    const content = parseYaml(text) ?? {};
    if (isTree(content)) return content;
    faults.push({ path: 'file', reason: 'must hold `setting: value` lines' });
  } catch (error) {
    if (!(error instanceof Mom4cError)) throw error;
    faults.push({ path: 'file', reason: error.detail ?? 'unreadable' });
  }
  return undefined;
}

function applyEnvironment(
  tree: Tree,
  setting: Setting,
  env: NonNullable<ConfigSources['env']>,
  fromEnv: Map<string, string>,
  faults: ConfigFault[],
): void {
  const text = setting.env === undefined ? undefined : env[setting.env];
  if (text === undefined || text === '') return;
  const path = setting.path.join('.');
  fromEnv.set(path, setting.env!);
  try {
    set(tree, setting.path, readText(setting.type, text));
  } catch {
    faults.push({ path: `${path} (from ${setting.env})`, reason: `cannot be read as ${setting.type}` });
  }
}

/** The environment holds text only; numbers, booleans and lists are written there as in YAML. */
function readText(type: string, text: string): unknown {
  return ['number', 'boolean', 'array', 'record', 'object', 'union'].includes(type) ? parseYaml(text) : text;
}

function set(tree: Tree, path: readonly string[], value: unknown): void {
  let section = tree;
  for (const key of path.slice(0, -1)) {
    const next = Object.hasOwn(section, key) ? section[key] : undefined;
    section = isTree(next) ? next : (section[key] = {});
  }
  section[path.at(-1)!] = value;
}

function merge(tree: Tree, overrides: Tree): void {
  for (const [key, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    const old = Object.hasOwn(tree, key) ? tree[key] : undefined;
    if (isTree(value) && isTree(old)) merge(old, value);
    else Object.defineProperty(tree, key, { value, writable: true, enumerable: true, configurable: true });
  }
}

type Around = {
  readonly tree: Tree;
  readonly fromEnv: ReadonlyMap<string, string>;
  readonly known: readonly Setting[];
  /** By path of the setting. */
  readonly expected: ReadonlyMap<string, string>;
};

function faultsOf(issue: z.core.$ZodIssue, { tree, fromEnv, known, expected }: Around): ConfigFault[] {
  const setting = genericPath(issue.path);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: shownPath([...issue.path, key]),
      reason: 'there is no such setting',
      hint: meant([...setting, key], known),
    }));
  const path = shownPath(issue.path);
  const env = fromEnv.get(path);
  const missing = issue.code === 'invalid_type' && at(tree, issue.path) === undefined;
  const name = setting.join('.');
  return [
    {
      path: env === undefined ? path || 'file' : `${path} (from ${env})`,
      reason: missing ? 'is missing' : textOf(issue),
      expected: expected.get(name) ?? (missing ? neededIn(name, expected) : undefined),
    },
  ];
}

/** Of a key that is wrong the reason is inside. */
function textOf(issue: z.core.$ZodIssue): string {
  return (issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined) ?? issue.message;
}

/** A slip in the name, or the right name in the wrong place. */
function meant(wrong: readonly string[], known: readonly Setting[]): string | undefined {
  const parent = wrong.slice(0, -1);
  const name = wrong.at(-1)!;
  const isSibling = ({ path }: Setting): boolean => parent.every((key, index) => path[index] === key);
  const siblings = known
    .filter(isSibling)
    .flatMap(({ path }) => path.slice(parent.length, parent.length + 1));
  const near = similar(name, [...new Set(siblings)]);
  const found = near === undefined ? known.find(({ path }) => path.at(-1) === name)?.path : [...parent, near];
  return found && `did you mean ${found.join('.')}?`;
}

/** Of a section that is missing as a whole. */
function neededIn(section: string, expected: ReadonlyMap<string, string>): string | undefined {
  const inside = [...expected.keys()].filter((path) => path.startsWith(`${section}.`));
  return inside.length === 0 ? undefined : `a section with ${inside.join(', ')}`;
}

function configError(file: string | undefined, faults: readonly ConfigFault[]): Mom4cError {
  const list = faults
    .map(({ path, reason, hint }) => `${path}: ${reason}${hint === undefined ? '' : `, ${hint}`}`)
    .join('; ');
  return new Mom4cError('M4C_CONFIG', file === undefined ? list : `${file}: ${list}`);
}

type Text = { readonly setting: string; readonly text: string; readonly put: (text: string) => void };

/** Each text at the path of a setting, also inside of lists, as `partners[1].authorityFile`; `put` takes its place. */
function textsAt(
  value: unknown,
  path: readonly string[],
  setting = '',
  put: (text: string) => void = () => {},
): Text[] {
  if (Array.isArray(value))
    return value.flatMap((item: unknown, index) =>
      textsAt(item, path, `${setting}[${index}]`, (text) => void (value[index] = text)),
    );
  const [first, ...rest] = path;
  if (first === undefined) return typeof value === 'string' ? [{ setting, text: value, put }] : [];
  const key = first.replace(/\[\]$/, '');
  if (!isTree(value) || !Object.hasOwn(value, key)) return [];
  const below = setting === '' ? key : `${setting}.${key}`;
  return textsAt(value[key], rest, below, (text) => void (value[key] = text));
}

/** `partners[0].domain` */
function shownPath(path: readonly PropertyKey[]): string {
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '');
}

/** As settings are listed: `['partners[]', 'domain']`. */
function genericPath(path: readonly PropertyKey[]): string[] {
  const keys: string[] = [];
  for (const key of path)
    if (typeof key === 'number') keys.push(`${keys.pop() ?? ''}[]`);
    else keys.push(String(key));
  return keys;
}

function at(tree: Tree, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (typeof key === 'number') return Array.isArray(value) ? (value[key] as unknown) : undefined;
    return isTree(value) && Object.hasOwn(value, key) ? value[String(key)] : undefined;
  }, tree);
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
