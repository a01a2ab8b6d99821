/** When answers came, for whoever wants to know how long there were none. */
import type { Requester } from '@mom4c/member';

export type Answered = Pick<Requester, 'send'> & {
  /** Milliseconds: the longest time without an answer between these two, in Unix milliseconds. */
  longestGap(from: number, to: number): number;
};

/** Passes requests on, and notes when each has its outcome. */
export function answered(requester: Pick<Requester, 'send'>): Answered {
  const times: number[] = [];
  return {
    async send(...request) {
      const outcome = await requester.send(...request);
      times.push(Date.now());
      return outcome;
    },
    longestGap: (from, to) => longestGap(times, from, to),
  };
}

/** @param times ascending; those that are not between the two do not count */
export function longestGap(times: readonly number[], from: number, to: number): number {
  const ends = [...times.filter((time) => time > from && time < to), to];
  return Math.max(...ends.map((end, index) => end - (ends[index - 1] ?? from)));
}
