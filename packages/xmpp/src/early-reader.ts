/**
 * What a peer says before its stream is consumed.
 *
 * INVARIANTS
 * - It is parsed tag by tag, and only while somebody waits for an element: what comes behind that is still octets, and can
 *   be refused or thrown away. So nothing that was sent in clear can be taken for something that came over TLS.
 * - At most `MAX_EARLY` octets are taken in.
 */
import type { Mom4cError } from '@mom4c/core';
import type { Element } from './element.ts';

/** Of everything that a peer may say before it is consumed. */
export const MAX_EARLY = 65_536;
const EMPTY = Buffer.alloc(0);
const TAG_END = 0x3e;
const WHITE_SPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

type Waiter<Value> = { resolve(value: Value): void; reject(error: Mom4cError): void };

export class EarlyReader {
  readonly #parse: (octets: Buffer) => boolean;
  /** Arrived and not parsed. */
  #unparsed: Buffer = EMPTY;
  #reader: Waiter<Element> | undefined;
  #peeker: Waiter<number> | undefined;
  #count = 0;

  /** @param parse what comes of it is given to `arrive` @returns may it go on? */
  constructor(parse: (octets: Buffer) => boolean) {
    this.#parse = parse;
  }

  get isAwaited(): boolean {
    return this.#reader !== undefined || this.#peeker !== undefined;
  }

  /** Is there more than was waited for? White space does not count. */
  get isPipelined(): boolean {
    return this.#unparsed.some((octet) => !WHITE_SPACE.has(octet));
  }

  /** @returns false if that is too much */
  add(chunk: Buffer): boolean {
    this.#count += chunk.length;
    if (this.#count > MAX_EARLY) return false;
    this.#unparsed = this.#unparsed.length === 0 ? chunk : Buffer.concat([this.#unparsed, chunk]);
    this.#go();
    return true;
  }

  /** The first octet, without parsing it. */
  peek(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#peeker = { resolve, reject };
      this.#go();
    });
  }

  next(): Promise<Element> {
    if (this.#reader) throw new Error('one reader at a time');
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      this.#go();
    });
  }

  arrive(element: Element): void {
    const waiting = this.#reader;
    this.#reader = undefined;
    waiting?.resolve(element);
  }

  /** @returns what was not parsed, which is forgotten here */
  takeRest(): Buffer {
    const rest = this.#unparsed;
    this.#unparsed = EMPTY;
    return rest;
  }

  /** Nobody gets what he waits for. */
  fail(error: Mom4cError): void {
    this.#reader?.reject(error);
    this.#peeker?.reject(error);
    this.#reader = undefined;
    this.#peeker = undefined;
  }

  #go(): void {
    if (this.#peeker && this.#unparsed.length > 0) {
      this.#peeker.resolve(this.#unparsed[0]!);
      this.#peeker = undefined;
    }
    while (this.#reader && this.#unparsed.length > 0) {
      const close = this.#unparsed.indexOf(TAG_END);
      const length = close < 0 ? this.#unparsed.length : close + 1;
      const piece = this.#unparsed.subarray(0, length);
      this.#unparsed = this.#unparsed.subarray(length);
      if (!this.#parse(piece)) return;
    }
  }
}
