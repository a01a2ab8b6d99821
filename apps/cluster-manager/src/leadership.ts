/** What this manager says of itself: its epoch, the room's session key, and who else may open what is for `cm@D`. */
import type { Epoch, SessionKey } from '@mom4c/core';
import { newSessionKey } from '@mom4c/messaging';
import type { Letter } from '@mom4c/messaging';
import { currentManagers } from '@mom4c/member';
import type { Member } from '@mom4c/member';

/** How long a leadership statement holds without being repeated, and when it is repeated. */
export const LEADERSHIP_VALID_MS = 10 * 60_000;
export const LEADERSHIP_REPEAT_MS = LEADERSHIP_VALID_MS / 2;
/** Where the repetition failed. */
export const LEADERSHIP_RETRY_MS = 5_000;

/** As the statement bounds it. */
const MAX_MANAGERS = 16;

/** Until there is a lease there is one manager and one epoch; it is carried and checked already. */
const CONSTANT_EPOCH: Epoch = { generation: 1, revision: 1 };

export class Leadership {
  readonly epoch = CONSTANT_EPOCH;
  readonly roomKey: SessionKey;
  readonly #member: Member;

  constructor(member: Member) {
    this.#member = member;
    this.roomKey = newSessionKey(member.random);
    member.keys.add(this.roomKey);
  }

  /** Signed in the clear, for the presence in the room. */
  async statement(): Promise<Letter> {
    const { clock, service, room, postbox, newId } = this.#member;
    const managers = await this.#managers();
    const time = clock.now();
    return postbox.sign({
      type: 'leadership',
      id: newId(),
      from: service,
      to: { room, targets: '*' },
      time,
      expires: time + LEADERSHIP_VALID_MS,
      epoch: this.epoch,
      key: this.roomKey.id,
      managers,
    });
  }

  async #managers(): Promise<string[]> {
    const found = await currentManagers(this.#member);
    return found.map((one) => one.fingerprint).slice(0, MAX_MANAGERS);
  }
}
