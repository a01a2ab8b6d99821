/**
 * Who arrives at `cm@D/active` with a question: a letter, answered by a letter sealed to whoever signed it.
 *
 * INVARIANTS:
 * - Nothing is begun before the term has begun, nor once it has ended or its lease may have run out: until then it waits, and then it
 *   is refused. What was begun before that is answered.
 * - What is no letter for us is refused at once, before it waits.
 */
import type { FullJid } from '@mom4c/core';
import { lettersElements } from '@mom4c/member';
import type { Member } from '@mom4c/member';
import type { Payload, Received } from '@mom4c/messaging';
import type { IncomingRequest, RequestHandler } from '@mom4c/xmpp';
import type { Beginning } from './beginning.ts';
import type { Letters } from './letters.ts';

const QUESTIONS = ['request', 'permissions', 'join', 'subscribe'] as const;
/** A request, a question about rights, a wish to join, or to be told of events. */
export type Question = Received<(typeof QUESTIONS)[number]>;

export type ReceptionParts = {
  readonly letters: Pick<Letters, 'open' | 'refused'>;
  readonly postbox: Pick<Member['postbox'], 'sealTo'>;
  /** @throws Mom4cError why this manager does not lead (any more) */
  readonly check: () => void;
  readonly beginning: Pick<Beginning, 'wait'>;
  /** Somebody asks for something whose end he waits for. */
  readonly onCaller: (caller: FullJid) => void;
  readonly answer: (question: Question, from: FullJid) => Promise<Payload>;
};

export function reception(parts: ReceptionParts): RequestHandler {
  const { letters, postbox, check, beginning, onCaller, answer } = parts;
  return async ({ from, element }: IncomingRequest) => {
    try {
      check();
      const question = await letters.open(element, QUESTIONS, from);
      const { type } = question.payload;
      if (type === 'request' || type === 'subscribe') onCaller(from as FullJid);
      await beginning.wait();
      check();
      const said = await answer(question, from as FullJid);
      const [letter] = lettersElements(await postbox.sealTo(said, [question.signer]));
      return letter!;
    } catch (thrown) {
      throw letters.refused(thrown, from);
    }
  };
}
