/**
 * How one hop protects what it sends, and opens what it gets: in the clear, signed, or signed and sealed. The first two
 * exist here alone, to be compared with; the product always does the third, by its own postbox.
 */
import { Mom4cError, bareJid } from '@mom4c/core';
import type { Certificate } from '@mom4c/core';
import { letterIn, lettersElements } from '@mom4c/member';
import type { Enrolled, Member } from '@mom4c/member';
import { decodePayload, encodePayload } from '@mom4c/messaging';
import type { Letter, Payload, PayloadOf, PayloadType } from '@mom4c/messaging';
import { createSigner, createVerifier } from '@mom4c/pki';
import { textOf, xml } from '@mom4c/xmpp';
import type { Element } from '@mom4c/xmpp';

export const PROTECTIONS = ['plain', 'signed', 'sealed'] as const;
export type ProtectionName = (typeof PROTECTIONS)[number];

export type Protection = {
  protect(payload: Payload, to: Certificate): Promise<Element[]>;
  /** @throws Mom4cError as the postbox does */
  open<T extends PayloadType>(parent: Element, expected: T, from: string): Promise<PayloadOf<T>>;
};

const NS_PLAIN = 'urn:mom4c:bench:plain';

export function protectionsOf(member: Member, enrolled: Enrolled): Record<ProtectionName, Protection> {
  const { clock, directory, authority, postbox, address, settings } = member;
  const signer = createSigner(enrolled.identity);
  const verifier = createVerifier({ directory, authority, clock });
  const audience = { addresses: [address], rooms: [], name: settings.name };
  return {
    plain: {
      async protect(payload) {
        return [xml('payload', { xmlns: NS_PLAIN }, Buffer.from(encodePayload(payload)).toString('base64'))];
      },
      async open(parent, expected) {
        const payload = parent.getChild('payload', NS_PLAIN);
        if (!payload) throw new Mom4cError('M4C_MALFORMED');
        return payloadOf(Buffer.from(textOf(payload), 'base64'), expected);
      },
    },
    signed: {
      async protect(payload) {
        const content = encodePayload(payload);
        return lettersElements({ kind: 'signed', content, signature: await signer.signDetached(content) });
      },
      async open(parent, expected) {
        const letter = letterOf(parent);
        if (letter.kind !== 'signed') throw new Mom4cError('M4C_UNEXPECTED', letter.kind);
        const { content } = await verifier.verify(letter.signature, letter.content);
        return payloadOf(content, expected);
      },
    },
    sealed: {
      async protect(payload, to) {
        return lettersElements(await postbox.sealTo(payload, [to]));
      },
      async open(parent, expected, from) {
        const { payload } = await postbox.open(letterOf(parent), [expected], audience, bareJid(from));
        return payload;
      },
    },
  };
}

function letterOf(parent: Element): Letter {
  const letter = letterIn(parent);
  if (!letter) throw new Mom4cError('M4C_NOT_SIGNED');
  return letter;
}

function payloadOf<T extends PayloadType>(octets: Uint8Array, expected: T): PayloadOf<T> {
  const payload = decodePayload(octets);
  if (payload.type !== expected) throw new Mom4cError('M4C_UNEXPECTED', payload.type);
  return payload as PayloadOf<T>;
}
