import { dirname, resolve } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import type * as z from 'zod';
import { readSmallFile } from './read-file.ts';
import { listSettings, type Setting } from './settings.ts';
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
export type ConfigFault = { path: string; reason: string };

type Tree = { [key: string]: unknown };

const MAX_CONFIG_BYTES = 256 * 1024;

/** Reads, merges and checks a configuration, and freezes it. The schema's objects must be strict.
 *  @throws Mom4cError M4C_CONFIG which lists all faults, one `path: reason` each */
export function loadConfig<Shape extends z.ZodObject>(
  schema: Shape,
  sources: ConfigSources,
): z.output<Shape> {
  const settings = listSettings(schema);
  const tree = sources.file === undefined ? {} : readTree(sources.file);
  const faults: ConfigFault[] = [];
  const fromEnv = new Map<string, string>();
  for (const setting of settings) applyEnvironment(tree, setting, sources.env ?? {}, fromEnv, faults);
  merge(tree, sources.overrides ?? {});

  const parsed = schema.safeParse(tree);
  if (!parsed.success) faults.push(...parsed.error.issues.flatMap((issue) => faultsOf(issue, fromEnv)));
  if (!parsed.success || faults.length > 0) throw configError(sources.file, faults);

  const folder = sources.file === undefined ? process.cwd() : dirname(resolve(sources.file));
  for (const setting of settings) if (setting.isPath) resolvePath(parsed.data as Tree, setting.path, folder);
  return deepFreeze(parsed.data);
}

function readTree(file: string): Tree {
  const { text } = readSmallFile(file, MAX_CONFIG_BYTES);
  let content: unknown;
  try {
    content = parseYaml(text) ?? {};
  } catch (error) {
    if (!(error instanceof Mom4cError)) throw error;
    throw configError(file, [{ path: 'file', reason: error.detail ?? 'unreadable' }]);
  }
  if (!isTree(content))
    throw configError(file, [{ path: 'file', reason: 'must hold `setting: value` lines' }]);
  return content;
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
  return ['number', 'boolean', 'array', 'record', 'object'].includes(type) ? parseYaml(text) : text;
}

function set(tree: Tree, path: readonly string[], value: unknown): void {
  let at = tree;
  for (const key of path.slice(0, -1)) {
    const next = Object.hasOwn(at, key) ? at[key] : undefined;
    at = isTree(next) ? next : (at[key] = {});
  }
  at[path.at(-1)!] = value;
}

function merge(tree: Tree, overrides: Tree): void {
  for (const [key, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    const old = Object.hasOwn(tree, key) ? tree[key] : undefined;
    if (isTree(value) && isTree(old)) merge(old, value);
    else Object.defineProperty(tree, key, { value, writable: true, enumerable: true, configurable: true });
  }
}

function faultsOf(issue: z.core.$ZodIssue, fromEnv: ReadonlyMap<string, string>): ConfigFault[] {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: [...issue.path, key].join('.'),
      reason: 'there is no such setting',
    }));
  const env = fromEnv.get(path);
  return [{ path: env === undefined ? path || 'file' : `${path} (from ${env})`, reason: issue.message }];
}

function configError(file: string | undefined, faults: readonly ConfigFault[]): Mom4cError {
  const list = faults.map((fault) => `${fault.path}: ${fault.reason}`).join('; ');
  return new Mom4cError('M4C_CONFIG', file === undefined ? list : `${file}: ${list}`);
}

function resolvePath(tree: Tree, path: readonly string[], folder: string): void {
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => (isTree(at) ? at[key] : undefined), tree);
  const key = path.at(-1)!;
  if (isTree(parent) && typeof parent[key] === 'string') parent[key] = resolve(folder, parent[key]);
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
