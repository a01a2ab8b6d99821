/** A map of bounded size: what was not used for the longest time goes first. */
export class RecentMap<Key, Value> {
  readonly #capacity: number;
  /** In the order of last use. */
  readonly #kept = new Map<Key, Value>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Counts as a use. */
  get(key: Key): Value | undefined {
    const value = this.#kept.get(key);
    if (value === undefined) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, value);
    return value;
  }

  set(key: Key, value: Value): void {
    this.#kept.delete(key);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= this.#capacity && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(key, value);
  }

  delete(key: Key): void {
    this.#kept.delete(key);
  }
}
