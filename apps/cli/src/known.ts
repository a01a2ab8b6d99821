/**
 * What the last answers told of nodes, sensors and partners, for completion: a shell must not wait for a network. One file for
 * whatever domain was asked last; what is in it is checked like anything from outside, and its loss costs nothing.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { isDomain, isNodeName, labelsSchema } from '@mom4c/core';
import * as z from 'zod';

const MAX_OCTETS = 1024 * 1024;
/** Names that a shell takes as they are. */
const sensor = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9:._/-]{0,199}$/);
const schema = z.strictObject({
  nodes: z.record(z.string().refine(isNodeName), labelsSchema),
  sensors: z.array(sensor).max(20_000),
  partners: z.array(z.string().refine(isDomain)).max(1000).default([]),
});

export type Known = z.output<typeof schema>;

const NOTHING: Known = { nodes: {}, sensors: [], partners: [] };

export function readKnown(env: NodeJS.ProcessEnv = process.env): Known {
  try {
    const file = fileOf(env);
    if (statSync(file).size > MAX_OCTETS) return NOTHING;
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return NOTHING;
  }
}

/** Takes the place of what was known of the same kind. A cache that cannot be written is none. */
export function keepKnown(news: Partial<Known>, env: NodeJS.ProcessEnv = process.env): void {
  try {
    const sensors = news.sensors?.filter((name) => sensor.safeParse(name).success);
    const text = JSON.stringify({
      ...readKnown(env),
      ...news,
      ...(sensors && { sensors: [...new Set(sensors)] }),
    });
    if (text.length > MAX_OCTETS) return;
    const file = fileOf(env);
    // Whoever has no home is not given one.
    if (!existsSync(baseOf(env))) return;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.${process.pid}`, text, { mode: 0o600 });
    renameSync(`${file}.${process.pid}`, file);
  } catch {
    // Nothing rests on it.
  }
}

function fileOf(env: NodeJS.ProcessEnv): string {
  const below = env.XDG_CACHE_HOME ? ['mom4c'] : ['.cache', 'mom4c'];
  return join(baseOf(env), ...below, 'known.json');
}

function baseOf(env: NodeJS.ProcessEnv): string {
  return env.XDG_CACHE_HOME || env.HOME || homedir();
}
