/**
 * Work of many parties, a bounded number of pieces at a time, taken in turn: whoever brings much waits for himself and
 * not for others, and others do not wait for him.
 *
 * INVARIANTS:
 * - Never more than `running` pieces run, of one party never more than `runningPerParty`.
 * - Whoever waits stands in the line once, and at its end again after each of his pieces has started.
 * - A party's pieces start in the order in which it brought them.
 * - What runs and waits together is bounded, of a party and of all, in pieces and in octets. What is above is not taken.
 */

export type Load = { readonly pieces: number; readonly octets: number };

export type FairLimits = {
  readonly running: number;
  readonly runningPerParty: number;
  readonly perParty: Load;
  readonly total: Load;
};

/** Must not throw or reject. Without a promise it is done when it returns. */
export type Work = () => Promise<void> | undefined;

type Piece = { readonly octets: number; readonly work: Work };
type Party = {
  readonly name: string;
  readonly waiting: Piece[];
  running: number;
  pieces: number;
  octets: number;
};

export class FairQueue {
  readonly #limits: FairLimits;
  /** Those with anything running or waiting. */
  readonly #parties = new Map<string, Party>();
  /** Those with something waiting, in the order of their turns. */
  readonly #turns = new Set<Party>();
  readonly #all = { running: 0, pieces: 0, octets: 0 };

  constructor(limits: FairLimits) {
    this.#limits = limits;
  }

  /** Starts at once where it may. @returns false if it is not taken */
  offer(name: string, octets: number, work: Work): boolean {
    const { perParty, total } = this.#limits;
    const party = this.#parties.get(name) ?? { name, waiting: [], running: 0, pieces: 0, octets: 0 };
    if (isAbove(party, octets, perParty) || isAbove(this.#all, octets, total)) return false;
    this.#parties.set(name, party);
    for (const load of [party, this.#all]) {
      load.pieces += 1;
      load.octets += octets;
    }
    party.waiting.push({ octets, work });
    this.#turns.add(party);
    this.#start();
    return true;
  }

  #start(): void {
    for (let party = this.#next(); party; party = this.#next()) {
      const piece = party.waiting.shift()!;
      // To the end of the line.
      this.#turns.delete(party);
      if (party.waiting.length > 0) this.#turns.add(party);
      this.#run(party, piece);
    }
  }

  #next(): Party | undefined {
    const { running, runningPerParty } = this.#limits;
    if (this.#all.running >= running) return undefined;
    // Few are passed over: as many as can fill their own share.
    for (const party of this.#turns) if (party.running < runningPerParty) return party;
    return undefined;
  }

  #run(party: Party, { octets, work }: Piece): void {
    party.running += 1;
    this.#all.running += 1;
    const giveBack = (): void => {
      for (const load of [party, this.#all]) {
        load.running -= 1;
        load.pieces -= 1;
        load.octets -= octets;
      }
      if (party.pieces === 0) this.#parties.delete(party.name);
    };
    const result = work();
    if (!result) return giveBack();
    void result.then(() => {
      giveBack();
      this.#start();
    });
  }
}

/** A first piece is always taken: a limit must not make anything impossible. */
function isAbove(now: Load, octets: number, limit: Load): boolean {
  return now.pieces > 0 && (now.pieces >= limit.pieces || now.octets + octets > limit.octets);
}
