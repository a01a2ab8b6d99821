/**
 * What stood in the ledger before presences of ours that wait to be written. They are noted when they are taken; if one is
 * lost, the partner believes what he believed before.
 */
import type { Element } from '@mom4c/xmpp';
import type { Between, Presence } from './presence-reading.ts';

type Unwritten = { readonly stanza: Element; stood: Presence | undefined };

/** @returns which entry it is about, if it is such a presence */
export function entryOf({ name, attrs: { from, to, type } }: Element): Between | undefined {
  if (name !== 'presence' || from === undefined || to === undefined) return undefined;
  return type === undefined || type === 'unavailable' ? { side: 'out', from, to } : undefined;
}

export class UnwrittenPresences {
  /** By entry, in the order in which they were taken. */
  readonly #waiting = new Map<string, Unwritten[]>();

  /** Entries of which something waits. */
  get size(): number {
    return this.#waiting.size;
  }

  /** @param stood before it was noted */
  take(stanza: Element, entry: Between, stood: Presence | undefined): void {
    const waiting = this.#waiting.get(keyOf(entry)) ?? [];
    waiting.push({ stanza, stood });
    this.#waiting.set(keyOf(entry), waiting);
  }

  written(stanza: Element): void {
    this.#remove(stanza);
  }

  /** @returns the entry as it stood, unless there is another behind it that says how it is to be */
  lost(stanza: Element): { readonly stood: Presence | undefined } | undefined {
    const { own, next } = this.#remove(stanza);
    // If that is lost as well, it is what stood before both.
    if (own && next) next.stood = own.stood;
    return next ? undefined : own;
  }

  #remove(stanza: Element): { own?: Unwritten | undefined; next?: Unwritten | undefined } {
    const entry = entryOf(stanza);
    const waiting = entry && this.#waiting.get(keyOf(entry));
    const at = waiting?.findIndex((each) => each.stanza === stanza) ?? -1;
    if (!entry || !waiting || at < 0) return {};
    const [own, next] = [waiting[at], waiting[at + 1]];
    waiting.splice(at, 1);
    if (waiting.length === 0) this.#waiting.delete(keyOf(entry));
    return { own, next };
  }
}

function keyOf({ from, to }: Between): string {
  return `${from}\n${to}`;
}
