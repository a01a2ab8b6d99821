/**
 * The session keys of pairs: a secret for one sender, one recipient and one direction, agreed on once and used for many
 * letters. The sender makes an ephemeral key and agrees with the recipient's certificate (RFC 5753); its public point
 * stands in every letter, so that the recipient can agree at any time and needs to be told nothing before. Both keep the
 * result, because agreeing is what costs: see docs/adr, "Pair keys".
 *
 * INVARIANTS:
 * - A secret is a function of the recipient's private key and the sender's point: whatever others send, and in whatever
 *   order, it cannot be changed, only computed again.
 * - It is never a key itself: each letter derives its own from it with a random ukm.
 * - A renewed certificate is another recipient, with other secrets.
 */
import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Certificate, Clock } from '@mom4c/core';
import { RecentMap } from './recent-map.ts';

export type PairKey = {
  /** Uncompressed, 65 octets. */
  readonly point: Buffer;
  readonly secret: Buffer;
};

const P256 = 'prime256v1';
const CAPACITY = 4_096;
/** How long and for how many letters a sender uses one. Who steals it from his memory can open what it was used for. */
export const PAIR_KEY_LIFE_MS = 10 * 60_000;
export const PAIR_KEY_USES = 10_000;

/** The ones we send under. */
export class SendingKeys {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #kept: RecentMap<string, { pair: PairKey; until: number; uses: number }>;

  constructor(clock: Pick<Clock, 'monotonic'>, capacity = CAPACITY) {
    this.#clock = clock;
    this.#kept = new RecentMap(capacity);
  }

  /** For one letter. @param recipient with a P-256 key */
  take(recipient: Certificate): PairKey {
    const now = this.#clock.monotonic();
    const kept = this.#kept.get(recipient.fingerprint);
    if (kept && now < kept.until && kept.uses < PAIR_KEY_USES) {
      kept.uses += 1;
      return kept.pair;
    }
    const pair = agreeWith(recipient.publicKey);
    this.#kept.set(recipient.fingerprint, { pair, until: now + PAIR_KEY_LIFE_MS, uses: 1 });
    return pair;
  }
}

/** The ephemeral private key is forgotten at once. */
function agreeWith(publicKey: KeyObject): PairKey {
  // KeyObjects: an ECDH object takes half as long again for the same.
  const ephemeral = generateKeyPairSync('ec', { namedCurve: P256 });
  return {
    point: ephemeral.publicKey.export({ format: 'raw-public' }),
    secret: diffieHellman({ privateKey: ephemeral.privateKey, publicKey }),
  };
}

/** The ones others send to us under. */
export class ReceivingKeys {
  readonly #privateKey: KeyObject;
  readonly #kept: RecentMap<string, Buffer>;

  constructor(privateKey: KeyObject, capacity = CAPACITY) {
    this.#privateKey = privateKey;
    this.#kept = new RecentMap(capacity);
  }

  /** @param point as it came @throws Error if it is not on the curve, or our key is not of P-256 */
  secretOf(point: Buffer): Buffer {
    const name = point.toString('latin1');
    const kept = this.#kept.get(name);
    if (kept) return kept;
    // Reading the key checks that the point is on the curve.
    const publicKey = createPublicKey({
      key: point,
      format: 'raw-public',
      asymmetricKeyType: 'ec',
      namedCurve: P256,
    });
    const secret = diffieHellman({ privateKey: this.#privateKey, publicKey });
    this.#kept.set(name, secret);
    return secret;
  }
}
