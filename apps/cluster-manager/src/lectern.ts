/** What the room is told of who leads: said once the journal has a term's `lead`, repeated while it lasts, taken back when it ends. */
import { Mom4cError } from '@mom4c/core';
import { lettersElements } from '@mom4c/member';
import type { Member } from '@mom4c/member';
import type { Room } from '@mom4c/xmpp';
import { LEADERSHIP_REPEAT_MS, LEADERSHIP_RETRY_MS } from './leadership.ts';
import type { Leadership } from './leadership.ts';

/** Every statement makes a whole cluster announce itself: those for the sake of details wait, and go together. */
const DETAIL_MS = 2_000;

export type Lectern = {
  /** Nothing is said before: until the journal has it, the epoch may be another one's. */
  begin(): void;
  /** At once: every task executor announces itself anew. */
  restate(): void;
  /** Soon: something in it has changed. */
  amend(): void;
  /** The room shows us as one that does not lead. */
  stop(): Promise<void>;
};

export function openLectern(
  { clock, log }: Pick<Member, 'clock' | 'log'>,
  room: Room,
  leadership: Leadership,
): Lectern {
  let begun = false;
  let stopped = false;
  let dueAt = Number.POSITIVE_INFINITY;
  let cancel = (): void => {};
  const plan = (ms: number): void => {
    cancel();
    dueAt = clock.monotonic() + ms;
    cancel = clock.after(ms, restate);
  };

  async function state(): Promise<void> {
    const elements = lettersElements(await leadership.statement());
    // It may have ended while the statement was made.
    if (stopped) return;
    leadership.check();
    await room.updatePresence(...elements);
  }

  function restate(): void {
    if (!begun || stopped) return;
    plan(LEADERSHIP_REPEAT_MS);
    state().catch((error: unknown) => {
      if (stopped) return;
      const code = error instanceof Mom4cError ? error.code : 'M4C_INTERNAL';
      log.warn({ code }, 'the leadership statement could not be made');
      plan(LEADERSHIP_RETRY_MS);
    });
  }

  return {
    begin() {
      begun = true;
      restate();
    },
    restate,
    amend() {
      if (begun && !stopped && dueAt > clock.monotonic() + DETAIL_MS) plan(DETAIL_MS);
    },
    async stop() {
      stopped = true;
      cancel();
      await room.updatePresence().catch(() => {});
    },
  };
}
