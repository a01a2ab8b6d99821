/** Session keys: made by a moderator, handed to members, looked up by id when something sealed arrives. */
import { createSecretKey } from 'node:crypto';
import type { Random, SessionKey } from '@mom4c/core';

export type KeyHandOut = { id: string; secret: string };

export function newSessionKey(random: Random): SessionKey {
  return {
    id: Buffer.from(random.bytes(16)).toString('hex'),
    key: createSecretKey(random.bytes(32)),
  };
}

/** For a `joined` payload; the key leaves the process only inside something sealed. */
export function handOut(key: SessionKey): KeyHandOut {
  return { id: key.id, secret: key.key.export().toString('base64') };
}

export function takeKey(handedOut: KeyHandOut): SessionKey {
  return { id: handedOut.id, key: createSecretKey(Buffer.from(handedOut.secret, 'base64')) };
}

/** The keys one holder may open with: the current one and its predecessor, for what was under way at the change. */
export class SessionKeyRing {
  #keys: SessionKey[] = [];

  add(key: SessionKey): void {
    this.#keys = [key, ...this.#keys.filter((known) => known.id !== key.id)].slice(0, 2);
  }

  has(id: string): boolean {
    return this.find(id) !== undefined;
  }

  readonly find = (id: string): SessionKey | undefined => this.#keys.find((key) => key.id === id);
}
