/** The managers of the domain, each as it last said itself under its signature, at the service address. */
import type { Clock, FullJid } from '@mom4c/core';
import type { Received } from '@mom4c/messaging';

export type Standing = {
  readonly jid: FullJid;
  readonly version: string;
  /** Unix milliseconds. */
  readonly started: number;
  readonly lag: number | undefined;
  readonly ready: boolean;
  /** The task executor that became this manager. */
  readonly node: string | undefined;
  /** On the monotonic clock: when it was heard last, and since when it has been ready without a break. */
  readonly heardAt: number;
  readonly readySince: number;
};

/** Each says it anew as often. */
export const STANDING_REPEAT_MS = 5_000;
/** Whoever misses two in a row is not counted on. */
const SILENT_AFTER_MS = 2 * STANDING_REPEAT_MS + 1_000;

export class Standbys {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #own: string;
  readonly #known = new Map<string, Standing>();

  /** @param own name of this manager, which is none of its standbys */
  constructor(own: string, clock: Pick<Clock, 'monotonic'>) {
    this.#own = own;
    this.#clock = clock;
  }

  /** @returns is that news: one that was not known, or not ready, before? */
  heard({ payload, signer }: Received<'standing'>, jid: FullJid): boolean {
    const { version, started, lag, ready, node } = payload;
    const heardAt = this.#clock.monotonic();
    const before = this.of(signer.name);
    const same = before?.jid === jid && before.started === started && before.ready === ready;
    const readySince = same ? before.readySince : heardAt;
    this.#known.set(signer.name, { jid, version, started, lag, ready, node, heardAt, readySince });
    return !same;
  }

  /** The server says that the session is gone. @returns whose it was, if that of a manager */
  gone(jid: FullJid): string | undefined {
    for (const [name, standing] of this.#known)
      if (standing.jid === jid) {
        this.#known.delete(name);
        return name;
      }
    return undefined;
  }

  /** Undefined if it is not known, or has been silent for too long. */
  of(name: string): Standing | undefined {
    const standing = this.#known.get(name);
    const isHeard = standing && this.#clock.monotonic() - standing.heardAt <= SILENT_AFTER_MS;
    return isHeard ? standing : undefined;
  }

  /** All of which something is heard, whether they are ready or not. */
  heardOf(): ReadonlySet<string> {
    return new Set([...this.#known.keys()].filter((name) => this.of(name)));
  }

  /** Names of the others of which something is heard. */
  others(): string[] {
    return [...this.heardOf()].filter((name) => name !== this.#own);
  }

  /** Those that could take over now, in the order in which they shall: whoever has been ready for longest comes first. */
  ranked(): readonly string[] {
    const ready = [...this.#known.keys()].flatMap((name) => {
      const standing = name === this.#own ? undefined : this.of(name);
      return standing?.ready ? [{ name, since: standing.readySince }] : [];
    });
    return ready.sort((a, b) => a.since - b.since || (a.name < b.name ? -1 : 1)).map(({ name }) => name);
  }
}
