/**
 * Everything that leaves or enters a member passes here: out, payload → signed → sealed; in, opened → verified →
 * parsed → sender, audience and freshness checked. What `open` returns may be acted on.
 */
import { Mom4cError } from '@mom4c/core';
import type {
  BareJid,
  Certificate,
  Opener,
  Role,
  Sealer,
  SessionKey,
  Signer,
  Verified,
  Verifier,
} from '@mom4c/core';
import type { Freshness } from './freshness.ts';
import { decodePayload, encodePayload } from './payload.ts';
import type { Payload, PayloadOf, PayloadType } from './payload.ts';

/** What travels in a stanza. A state is signed in the clear (presence); all else is signed, then sealed. */
export type Letter =
  | { readonly kind: 'sealed'; readonly sealed: Uint8Array }
  | { readonly kind: 'signed'; readonly content: Uint8Array; readonly signature: Uint8Array };

export type Received<T extends PayloadType = PayloadType> = {
  readonly payload: PayloadOf<T>;
  readonly signer: Certificate;
  /** CMS SignedData with the payload inside (or detached, for a state): provable later. */
  readonly evidence: Uint8Array;
};

/** Whom the receiver is: its addresses, the rooms it has joined, and its name as a target. */
export type Audience = {
  readonly addresses: readonly BareJid[];
  readonly rooms: readonly BareJid[];
  readonly name: string;
};

/** Who may say what. A right signature under the wrong role is no authority. */
const SENDERS: Readonly<Record<PayloadType, Role | readonly Role[]>> = {
  request: ['admin', 'adapter'],
  accepted: 'cm',
  rejected: 'cm',
  permissions: 'adapter',
  permitted: 'cm',
  outcome: 'cm',
  command: 'cm',
  inquiry: 'cm',
  result: 'te',
  join: ['te', 'cm'],
  joined: 'cm',
  subscribe: ['admin', 'adapter'],
  subscribed: 'cm',
  events: 'cm',
  presence: 'te',
  standing: 'cm',
  leadership: 'cm',
};

const STATES: readonly PayloadType[] = ['presence', 'standing', 'leadership'];

export type PostboxParts = {
  signer: Signer;
  verifier: Verifier;
  sealer: Sealer;
  opener: Opener;
  freshness: Freshness;
  findKey: (id: string) => SessionKey | undefined;
};

export class Postbox {
  readonly #parts: PostboxParts;

  constructor(parts: PostboxParts) {
    this.#parts = parts;
  }

  /** For the eyes of these recipients only. @throws Mom4cError M4C_TOO_LARGE */
  async sealTo(payload: Payload, recipients: readonly Certificate[]): Promise<Letter> {
    const signed = await this.#parts.signer.signEnclosed(encodePayload(payload));
    return { kind: 'sealed', sealed: await this.#parts.sealer.sealTo(signed, recipients) };
  }

  /** For whoever holds the session key. @throws Mom4cError M4C_TOO_LARGE */
  async sealUnder(payload: Payload, key: SessionKey): Promise<Letter> {
    const signed = await this.#parts.signer.signEnclosed(encodePayload(payload));
    return { kind: 'sealed', sealed: await this.#parts.sealer.sealUnder(signed, key) };
  }

  /** For everybody to read; states only. */
  async sign(payload: PayloadOf<'presence' | 'standing' | 'leadership'>): Promise<Letter> {
    const content = encodePayload(payload);
    return { kind: 'signed', content, signature: await this.#parts.signer.signDetached(content) };
  }

  /**
   * @param expected the types that make sense at this door
   * @param sentBy the bare address that the XMPP server vouches for, where there is one (a room hides it)
   * @throws Mom4cError any of 3xx (M4C_NOT_A_TARGET is no fault of anybody), M4C_FORBIDDEN, M4C_CERTIFICATE_UNKNOWN, M4C_CERTIFICATE_INVALID
   */
  async open<T extends PayloadType>(
    letter: Letter,
    expected: readonly T[],
    audience: Audience,
    sentBy?: BareJid,
  ): Promise<Received<T>> {
    const { verified, evidence } = await this.#verify(letter, sentBy);
    const payload = decodePayload(verified.content);
    const { signer } = verified;
    checkType(payload, expected);
    // A state in the clear is public by design; anything else in the clear is not ours.
    if (letter.kind === 'signed' && !STATES.includes(payload.type)) throw new Mom4cError('M4C_NOT_SEALED');
    checkSender(payload, signer, sentBy);
    checkAudience(payload, audience);
    this.#parts.freshness.admit(payload, signer);
    return { payload, signer, evidence };
  }

  /** What `open` has let pass once, from its evidence: it may be old, and is heard once more. Signature, sender's role and
   *  type are checked as they were. @throws Mom4cError as `open` */
  async reopen<T extends PayloadType>(evidence: Uint8Array, expected: readonly T[]): Promise<Received<T>> {
    const { signer, content } = await this.#parts.verifier.verify(evidence);
    const payload = decodePayload(content);
    checkType(payload, expected);
    checkSender(payload, signer);
    return { payload, signer, evidence };
  }

  async #verify(
    letter: Letter,
    sentBy: BareJid | undefined,
  ): Promise<{ verified: Verified; evidence: Uint8Array }> {
    const { verifier, opener, findKey } = this.#parts;
    if (letter.kind === 'signed')
      return {
        verified: await verifier.verify(letter.signature, letter.content, sentBy),
        evidence: letter.signature,
      };
    const evidence = await opener.open(letter.sealed, findKey);
    return { verified: await verifier.verify(evidence, undefined, sentBy), evidence };
  }
}

/** @throws Mom4cError M4C_UNEXPECTED */
function checkType<T extends PayloadType>(
  payload: Payload,
  expected: readonly T[],
): asserts payload is PayloadOf<T> & Payload {
  if (!(expected as readonly PayloadType[]).includes(payload.type))
    throw new Mom4cError('M4C_UNEXPECTED', payload.type);
}

/** @throws Mom4cError M4C_FORBIDDEN, M4C_SENDER_MISMATCH */
function checkSender(payload: Payload, signer: Certificate, sentBy?: BareJid): void {
  if (![SENDERS[payload.type]].flat().includes(signer.role))
    throw new Mom4cError('M4C_FORBIDDEN', `a ${payload.type} from ${signer.name}, which is ${signer.role}`);
  checkBehalf(payload, signer);
  if (!signer.addresses.includes(payload.from) || (sentBy !== undefined && sentBy !== payload.from))
    throw new Mom4cError('M4C_SENDER_MISMATCH', `signed by ${signer.name}, from ${payload.from}`);
}

/** An adapter always speaks for somebody, and nobody else ever does. @throws Mom4cError M4C_FORBIDDEN */
function checkBehalf(payload: Payload, { name, role }: Certificate): void {
  const person = 'onBehalfOf' in payload ? payload.onBehalfOf : undefined;
  if (role === 'adapter' && person === undefined)
    throw new Mom4cError('M4C_FORBIDDEN', `${name} is an adapter and does not say for whom it asks`);
  if (role !== 'adapter' && person !== undefined)
    throw new Mom4cError('M4C_FORBIDDEN', `${name}, which is ${role}, speaks for ${person}`);
}

/** @throws Mom4cError M4C_NOT_FOR_US, M4C_NOT_A_TARGET */
function checkAudience({ to }: Payload, { addresses, rooms, name }: Audience): void {
  if (typeof to === 'string') {
    if (!addresses.includes(to)) throw new Mom4cError('M4C_NOT_FOR_US');
    return;
  }
  if (!rooms.includes(to.room)) throw new Mom4cError('M4C_NOT_FOR_US');
  if (to.targets !== '*' && !to.targets.includes(name)) throw new Mom4cError('M4C_NOT_A_TARGET');
}
