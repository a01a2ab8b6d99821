/**
 * Brings outcomes into the log. Nobody is told of one before the log has it and it counts there: until then another manager
 * may take over, find the command unfinished, and come to another outcome. While the stream is away it tries again; the
 * outcome waits in the file.
 */
import { jitteredBackoff, Mom4cError, systemRandom, type Clock, type Log, type Uuid } from '@mom4c/core';

export type OutcomePublisherOptions = {
  /** Appends the outcome that the file has, and resolves once it is applied.
   *  @returns whether the log has an outcome of it now; if not, it came too late for its epoch or not at all */
  readonly publish: (id: Uuid, attempt: number) => Promise<boolean>;
  /** May this manager finish anything now? */
  readonly leads: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
};

export type OutcomePublisher = {
  /** Resolves once the log has an outcome of it. @throws Mom4cError M4C_EPOCH, M4C_JOURNAL (closed) */
  add(id: Uuid): Promise<void>;
  /** Nobody waits for these. */
  addAll(ids: readonly Uuid[]): void;
  /** This manager does not lead any more: whatever waits is refused. */
  depose(): void;
  /** Waits for those that are being sent; the rest stays in the file. */
  close(): Promise<void>;
};

type Waiting = { done: PromiseWithResolvers<void>; attempt: number; sending: boolean };

const closedError = (): Mom4cError => new Mom4cError('M4C_JOURNAL', 'it is closed');
/** An election is over in four to eight seconds, and people wait for what stands here. */
const RETRY = { baseMs: 250, capMs: 500 };
const MAX_SENDING = 64;

export function startOutcomePublisher(options: OutcomePublisherOptions): OutcomePublisher {
  const { publish, leads, clock, log } = options;
  const backoff = jitteredBackoff({ ...RETRY, random: systemRandom });
  const waiting = new Map<Uuid, Waiting>();
  const sending = new Set<Promise<void>>();
  let cancelRetry: (() => void) | undefined;
  let closed = false;

  const settle = (id: Uuid, error?: Mom4cError): void => {
    const { done } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error) done?.reject(error);
    else done?.resolve();
  };
  const send = async (id: Uuid, item: Waiting): Promise<void> => {
    try {
      if (await publish(id, item.attempt)) settle(id);
      else if (!leads()) settle(id, new Mom4cError('M4C_EPOCH'));
      else item.attempt += 1;
      backoff.reset();
    } catch (error) {
      if (closed) return;
      if (error instanceof Mom4cError && !error.retryable) {
        log.error({ err: error, id }, 'journal: an outcome does not fit into the log');
        settle(id, error);
        return;
      }
      log.warn({ err: error, waiting: waiting.size }, 'journal: outcomes wait for the stream');
      cancelRetry ??= clock.after(backoff.next(), () => {
        cancelRetry = undefined;
        work();
      });
    } finally {
      item.sending = false;
    }
  };
  const work = (): void => {
    if (closed || cancelRetry) return;
    for (const [id, item] of waiting) {
      if (sending.size >= MAX_SENDING) return;
      if (item.sending) continue;
      item.sending = true;
      const sent = send(id, item).finally(() => {
        sending.delete(sent);
        work();
      });
      sending.add(sent);
    }
  };
  const add = (id: Uuid): Waiting => {
    const known = waiting.get(id);
    if (known) return known;
    const item: Waiting = { done: Promise.withResolvers(), attempt: 0, sending: false };
    item.done.promise.catch(() => {});
    waiting.set(id, item);
    work();
    return item;
  };

  const refuseAll = (error: () => Mom4cError): void => {
    for (const id of waiting.keys()) settle(id, error());
  };
  return {
    async add(id) {
      if (closed) throw closedError();
      await add(id).done.promise;
    },
    addAll(ids) {
      for (const id of ids) add(id);
    },
    depose: () => refuseAll(() => new Mom4cError('M4C_EPOCH')),
    async close() {
      closed = true;
      cancelRetry?.();
      refuseAll(closedError);
      await Promise.allSettled(sending);
    },
  };
}
