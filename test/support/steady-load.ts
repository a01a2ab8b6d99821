/**
 * Requests at a steady number in flight, and an account of each: what was accepted, what came of it, and how it ended
 * where nothing did.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Mom4cError } from '@mom4c/core';
import type { Request, Requester } from '@mom4c/member';

export type Account = {
  asked: number;
  accepted: number;
  /** Of accepted ones that have their outcome: targets by state. */
  readonly states: Record<string, number>;
  /** Why targets did not do it: by code. */
  readonly reasons: Record<string, number>;
  /** Accepted, and without an outcome: by the code with which the request ended. */
  readonly lost: Record<string, number>;
  /** Not accepted in the end, by code. */
  readonly refused: Record<string, number>;
  /** Under which epochs outcomes were reported. */
  readonly epochs: Set<string>;
};

export type SteadyLoad = {
  readonly account: Account;
  /** Resolves when as many more as this have their outcome. */
  progress(count: number): Promise<void>;
  /** Asks for nothing new, and rests no more; resolves when everything under way has ended. */
  end(): Promise<Account>;
};

/** @param next the request with this number, counted from 0
 *  @param restMs after each of those in flight, so that a machine is not at its limit before anything is lost */
export function steadyLoad(
  requester: Pick<Requester, 'send'>,
  inFlight: number,
  next: (number: number) => Request,
  restMs = 0,
): SteadyLoad {
  const account: Account = {
    ...{ asked: 0, accepted: 0, states: {}, reasons: {}, lost: {}, refused: {} },
    epochs: new Set(),
  };
  const ended = new AbortController();
  const rest = (ms: number): Promise<unknown> =>
    pause(ms, undefined, { signal: ended.signal }).catch(() => {});
  let finished = 0;
  const waiting = new Set<{ at: number; resolve: () => void }>();

  async function one(): Promise<void> {
    let accepted = false;
    try {
      const { outcomes, epoch } = await requester.send(next(account.asked++), () => {
        accepted = true;
        account.accepted += 1;
      });
      // The outcome can be faster than the answer to the request.
      if (!accepted) account.accepted += 1;
      account.epochs.add(`${epoch.generation}.${epoch.counter}`);
      for (const { state, error } of outcomes) {
        count(account.states, state);
        if (error) count(account.reasons, error.code);
      }
      finished += 1;
      for (const waiter of waiting) if (finished >= waiter.at && waiting.delete(waiter)) waiter.resolve();
      if (restMs > 0) await rest(restMs);
    } catch (thrown) {
      // The test is over.
      if (thrown instanceof Mom4cError && thrown.code === 'M4C_STOPPED') ended.abort();
      count(accepted ? account.lost : account.refused, thrown instanceof Mom4cError ? thrown.code : 'bug');
      // Where nobody takes anything, asking faster would not help.
      await rest(100);
    }
  }

  async function turn(): Promise<void> {
    while (!ended.signal.aborted) await one();
  }

  const turns = Array.from({ length: inFlight }, turn);
  return {
    account,
    progress(more) {
      return new Promise((resolve) => waiting.add({ at: finished + more, resolve }));
    },
    async end() {
      ended.abort();
      await Promise.all(turns);
      return account;
    },
  };
}

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
