/** One term of leading: its epoch, the room's session key, and what is said of it in the room. */
import { Mom4cError } from '@mom4c/core';
import type { Epoch, SessionKey } from '@mom4c/core';
import { MAX_MANAGERS } from '@mom4c/messaging';
import type { Letter } from '@mom4c/messaging';
import { currentManagers } from '@mom4c/member';
import type { Member } from '@mom4c/member';

/** How long a leadership statement holds without being repeated, and when it is repeated. */
export const LEADERSHIP_VALID_MS = 10 * 60_000;
export const LEADERSHIP_REPEAT_MS = LEADERSHIP_VALID_MS / 2;
/** Where the repetition failed. */
export const LEADERSHIP_RETRY_MS = 5_000;

export type LeadershipParts = {
  readonly epoch: Epoch;
  /** What the authority has stated about its generation, in base64; undefined under the first one. */
  readonly stated: string | undefined;
  readonly roomKey: SessionKey;
  /** Does the lease still hold? Asked before anything is said under the epoch. */
  readonly holds: () => boolean;
  /** Who shall take over, in this order. */
  readonly standbys: () => readonly string[];
};

export class Leadership {
  readonly epoch: Epoch;
  readonly stated: string | undefined;
  readonly roomKey: SessionKey;
  readonly #member: Member;
  readonly #parts: LeadershipParts;

  constructor(member: Member, parts: LeadershipParts) {
    this.epoch = parts.epoch;
    this.stated = parts.stated;
    this.roomKey = parts.roomKey;
    this.#member = member;
    this.#parts = parts;
  }

  /** @throws Mom4cError M4C_NO_MANAGER: this one does not lead (any more) */
  check(): void {
    if (!this.#parts.holds())
      throw new Mom4cError('M4C_NO_MANAGER', `${this.#member.settings.name} does not lead any more`);
  }

  /** Signed in the clear, for the presence in the room. */
  async statement(): Promise<Letter> {
    const { clock, service, room, postbox, newId, settings } = this.#member;
    const managers = await currentManagers(this.#member);
    const time = clock.now();
    return postbox.sign({
      type: 'leadership',
      id: newId(),
      from: service,
      to: { room, targets: '*' },
      time,
      expires: time + LEADERSHIP_VALID_MS,
      manager: settings.name,
      epoch: this.epoch,
      stated: this.stated,
      key: this.roomKey.id,
      managers: managers.map((one) => one.fingerprint).slice(0, MAX_MANAGERS),
      standbys: this.#parts.standbys().slice(0, MAX_MANAGERS),
    });
  }
}
