/**
 * The generation of the domain's epochs, as the authority has stated it: asked of it at the start, every minute, and whenever a
 * task executor refuses an epoch; told by whoever leads. The statement is kept in a file of the state folder.
 *
 * INVARIANTS:
 * - Believed is what the authority has signed, whoever hands it on; it never goes down.
 * - Nobody waits for the authority: what is known counts until something higher is.
 */
import { readFileSync } from 'node:fs';
import { FIRST_GENERATION, Mom4cError } from '@mom4c/core';
import type { Member } from '@mom4c/member';
import type { PayloadOf } from '@mom4c/messaging';
import { fetchGeneration, readGeneration } from '@mom4c/pki';
import { replaceFile } from '@mom4c/runtime';

type Stated = { readonly generation: number; readonly octets: Uint8Array };
export type GenerationParts = Pick<Member, 'authority' | 'clock' | 'errorOf' | 'log' | 'settings' | 'signal'>;

const ASK_EVERY_MS = 60_000;
/** Many may refuse at once. */
const ASK_AGAIN_MS = 1_000;

export class Generation {
  readonly #file: string;
  readonly #parts: GenerationParts;
  readonly #onRaised: () => void;
  #stated: Stated | undefined;
  #asking: Promise<void> | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #reported: string | undefined;

  /** @param onRaised a higher one counts from now on */
  constructor(file: string, parts: GenerationParts, onRaised: () => void) {
    this.#file = file;
    this.#parts = parts;
    this.#onRaised = onRaised;
    this.#stated = this.#read();
  }

  get current(): number {
    return this.#stated?.generation ?? FIRST_GENERATION;
  }

  /** Base64, for whoever does not know it yet; none is needed for the first. */
  get statement(): string | undefined {
    return this.#stated && Buffer.from(this.#stated.octets).toString('base64');
  }

  /** Asks the authority now and every minute, until the member stops. */
  start(): void {
    const { clock, signal } = this.#parts;
    let cancel = (): void => {};
    const next = (): void => {
      if (signal.aborted) return;
      cancel = clock.after(ASK_EVERY_MS, next);
      void this.ask();
    };
    signal.addEventListener('abort', () => cancel(), { once: true });
    next();
  }

  /** Somebody refuses our epoch: a higher generation may have been stated. @returns undefined if that was asked a moment ago */
  suspect(): Promise<void> | undefined {
    const isNews = this.#parts.clock.monotonic() - this.#askedAt >= ASK_AGAIN_MS;
    return isNews ? this.ask() : undefined;
  }

  /** Resolves when the authority has answered, or has not. */
  ask(): Promise<void> {
    this.#asking ??= this.#fetch().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  /** What another manager says of itself. @throws Mom4cError M4C_EPOCH: a generation that nobody has stated; as `readGeneration` */
  admit({ epoch, stated }: Pick<PayloadOf<'leadership'>, 'epoch' | 'stated'>): void {
    if (epoch.generation <= this.current) return;
    if (stated !== undefined) this.#learn(Buffer.from(stated, 'base64'));
    if (epoch.generation > this.current)
      throw new Mom4cError('M4C_EPOCH', `nobody has stated generation ${epoch.generation}`);
  }

  async #fetch(): Promise<void> {
    const { authority, clock, errorOf, log, settings, signal } = this.#parts;
    this.#askedAt = clock.monotonic();
    try {
      const found = await fetchGeneration({
        url: settings.authority.url,
        ...{ authority, domain: settings.domain, signal },
      });
      if (found) this.#learn(found.octets);
      this.#reported = undefined;
    } catch (thrown) {
      const { code, detail } = errorOf(thrown);
      if (code !== this.#reported && !signal.aborted)
        log.warn({ code, detail }, 'the authority does not tell the generation of epochs');
      this.#reported = code;
    }
  }

  /** @throws as `readGeneration` */
  #learn(octets: Uint8Array): void {
    const { authority, settings, log } = this.#parts;
    const { generation } = readGeneration(octets, { authority, domain: settings.domain });
    if (generation <= this.current) return;
    this.#stated = { generation, octets };
    log.warn({ generation }, 'the authority has raised the generation of epochs');
    this.#save(octets);
    this.#onRaised();
  }

  /** A manager whose disk is full goes on: after a restart it asks again. */
  #save(octets: Uint8Array): void {
    try {
      replaceFile(this.#file, octets);
    } catch (err) {
      this.#parts.log.warn({ err, file: this.#file }, 'the generation of epochs could not be written');
    }
  }

  /** A file that is damaged is none: the authority is asked in any case. */
  #read(): Stated | undefined {
    const { authority, settings, log } = this.#parts;
    try {
      const octets = readFileSync(this.#file);
      return {
        generation: readGeneration(octets, { authority, domain: settings.domain }).generation,
        octets,
      };
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code !== 'ENOENT')
        log.warn({ err, file: this.#file }, 'the generation of epochs could not be read');
      return undefined;
    }
  }
}
