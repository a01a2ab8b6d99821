/** Events and who was known to be there, in a file of the manager's state folder: a manager that is started anew knows what it
 *  knew. Written soon, and all changes until then together: a disk may be an SD card. */
import { readFileSync } from 'node:fs';
import { eventSchema, isNodeName } from '@mom4c/core';
import type { Clock, Log } from '@mom4c/core';
import { replaceFile } from '@mom4c/runtime';
import * as z from 'zod';
import { MAX_KEPT } from './event-log.ts';

const known = z.record(
  z.string().refine(isNodeName),
  z.strictObject({ state: z.enum(['here', 'left', 'lost']), since: z.int().nonnegative() }),
);
const fileSchema = z.strictObject({
  events: z.array(eventSchema).max(MAX_KEPT),
  nodes: known,
  managers: known,
});
export type Remembered = z.output<typeof fileSchema>;

const SOON_MS = 5_000;
const NOTHING: Remembered = { events: [], nodes: {}, managers: {} };

export class EventMemory {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #cancel: (() => void) | undefined;
  #content: () => Remembered = () => NOTHING;

  constructor(file: string, { clock, log }: { clock: Clock; log: Log }) {
    this.#file = file;
    this.#clock = clock;
    this.#log = log;
  }

  /** A file that is damaged costs what it held, no more. */
  read(): Remembered {
    try {
      return fileSchema.parse(JSON.parse(readFileSync(this.#file, 'utf8')));
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#log.warn({ err, file: this.#file }, 'the latest events could not be read');
      return NOTHING;
    }
  }

  saveSoon(content: () => Remembered): void {
    this.#content = content;
    this.#cancel ??= this.#clock.after(SOON_MS, () => this.#save());
  }

  close(): void {
    if (this.#cancel) this.#save();
  }

  /** A manager whose disk is full goes on. */
  #save(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    try {
      replaceFile(this.#file, JSON.stringify(this.#content()));
    } catch (err) {
      this.#log.warn({ err, file: this.#file }, 'the latest events could not be written');
    }
  }
}
