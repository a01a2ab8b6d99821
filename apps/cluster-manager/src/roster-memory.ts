/**
 * What each node last said under its signature, in a file of the manager's state folder: after a restart of the manager
 * labels still choose nodes that are away. New labels are written soon, mere times seldom: a disk may be an SD card.
 */
import { readFileSync } from 'node:fs';
import { SIGNED_KINDS, isNodeName, labelsSchema } from '@mom4c/core';
import type { Clock, Log } from '@mom4c/core';
import { replaceFile } from '@mom4c/runtime';
import * as z from 'zod';

const lastWord = z.strictObject({
  kind: z.enum(SIGNED_KINDS),
  /** Unix milliseconds, as the node itself said. */
  time: z.int().nonnegative(),
  version: z.string().max(64).optional(),
  labels: labelsSchema.optional(),
});
const fileSchema = z.strictObject({ nodes: z.record(z.string().refine(isNodeName), lastWord) });

export type LastWord = z.output<typeof lastWord>;

const SOON_MS = 1_000;
const SELDOM_MS = 5 * 60_000;
/** A directory that is being restored shows nobody, or a few, for a while. */
const FORGET_AFTER_MS = 60 * 60_000;

export class RosterMemory {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #words: Map<string, LastWord>;
  /** Since when the directory has not shown them, on the monotonic clock. */
  readonly #missingSince = new Map<string, number>();
  #planned: { at: number; cancel: () => void } | undefined;

  constructor(file: string, { clock, log }: { clock: Clock; log: Log }) {
    this.#file = file;
    this.#clock = clock;
    this.#log = log;
    this.#words = new Map(Object.entries(read(file, log)));
  }

  of(name: string): LastWord | undefined {
    return this.#words.get(name);
  }

  keep(name: string, word: LastWord): void {
    const before = this.#words.get(name);
    this.#words.set(name, word);
    const same = before?.version === word.version && isEqual(before?.labels, word.labels);
    this.#saveWithin(same ? SELDOM_MS : SOON_MS);
  }

  /** Whom the directory has not shown for an hour is forgotten; that it shows nobody at all says nothing.
   *  @param enrolled whom it shows now */
  forgetOthersThan(enrolled: ReadonlyMap<string, unknown>): void {
    if (enrolled.size === 0) return;
    const now = this.#clock.monotonic();
    for (const name of enrolled.keys()) this.#missingSince.delete(name);
    for (const name of this.#words.keys()) {
      if (enrolled.has(name)) continue;
      const since = this.#missingSince.get(name) ?? now;
      this.#missingSince.set(name, since);
      if (now - since < FORGET_AFTER_MS) continue;
      this.#words.delete(name);
      this.#missingSince.delete(name);
    }
  }

  close(): void {
    if (this.#planned) this.#save();
  }

  #saveWithin(ms: number): void {
    const at = this.#clock.monotonic() + ms;
    if (this.#planned && this.#planned.at <= at) return;
    this.#planned?.cancel();
    this.#planned = { at, cancel: this.#clock.after(ms, () => this.#save()) };
  }

  /** A manager whose disk is full goes on: labels are known in memory. */
  #save(): void {
    this.#planned?.cancel();
    this.#planned = undefined;
    const text = JSON.stringify({ nodes: Object.fromEntries(this.#words) });
    try {
      replaceFile(this.#file, text);
    } catch (err) {
      this.#log.warn({ err, file: this.#file }, 'what nodes said last could not be written');
    }
  }
}

/** A file that is damaged costs what it held, no more: every node announces itself again. */
function read(file: string, log: Log): Record<string, LastWord> {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).nodes;
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ENOENT')
      log.warn({ err, file }, 'what nodes said last could not be read');
    return {};
  }
}

function isEqual(a: LastWord['labels'], b: LastWord['labels']): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
