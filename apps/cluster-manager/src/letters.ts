/** Letters that arrive at a manager's doors: opened for its addresses, and what is refused is counted. */
import { Mom4cError, Turns, parseJid } from '@mom4c/core';
import type { BareJid } from '@mom4c/core';
import { letterIn } from '@mom4c/member';
import type { Member, Refusals } from '@mom4c/member';
import type { PayloadType, Received } from '@mom4c/messaging';
import type { Element } from '@mom4c/xmpp';

export type LetterParts = Pick<Member, 'service' | 'address' | 'postbox' | 'errorOf'> & {
  readonly settings: Pick<Member['settings'], 'name' | 'domain'>;
};

export class Letters {
  readonly #member: LetterParts;
  readonly #refusals: Refusals;
  /** To open a letter and check its signature is the most that anybody can make a manager do unasked. */
  readonly #turns = new Turns();

  constructor(member: LetterParts, refusals: Refusals) {
    this.#member = member;
    this.#refusals = refusals;
  }

  /** @throws Mom4cError M4C_NOT_HEARD, M4C_NOT_SIGNED, and what Postbox.open throws */
  async open<T extends PayloadType>(
    element: Element,
    expected: readonly T[],
    from: string,
  ): Promise<Received<T>> {
    const { service, address, settings, postbox } = this.#member;
    const sender = this.#senderOf(from);
    await this.#turns.take(sender);
    const letter = letterIn(element);
    if (!letter) throw new Mom4cError('M4C_NOT_SIGNED');
    const audience = { addresses: [service, address], rooms: [], name: settings.name };
    return postbox.open(letter, expected, audience, sender);
  }

  /** Cheapest first: what comes from outside of the domain is not even read. @throws Mom4cError M4C_NOT_HEARD */
  #senderOf(from: string): BareJid {
    const { local, domain } = parseJid(from);
    if (domain !== this.#member.settings.domain)
      throw new Mom4cError('M4C_NOT_HEARD', 'from outside of the domain');
    return `${local}@${domain}`;
  }

  refused(thrown: unknown, from: string): Mom4cError {
    const error = this.#member.errorOf(thrown);
    this.#refusals.note(error, from);
    return error;
  }
}
