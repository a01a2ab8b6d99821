/** Letting nodes in: membership of the room for task executors, and its session key, sealed to the one who asked. */
import type { Member } from '@mom4c/member';
import { handOut } from '@mom4c/messaging';
import type { PayloadOf, Received } from '@mom4c/messaging';
import type { Room } from '@mom4c/xmpp';
import type { Leadership } from './leadership.ts';

const JOINED_VALID_MS = 60_000;

/** @throws Mom4cError M4C_ROOM and others of the room service */
export async function admit(
  { payload, signer }: Received<'join'>,
  { member, room, leadership }: { member: Member; room: Room; leadership: Leadership },
): Promise<PayloadOf<'joined'>> {
  // Managers own the room by the configuration of the server.
  if (signer.role === 'te') await room.setAffiliation(signer.addresses[0]!, 'member');
  const who = signer.role === 'te' ? { executor: signer.name } : { manager: signer.name };
  member.log.info({ ...who, version: payload.version }, 'admitted');
  const time = member.clock.now();
  return {
    type: 'joined',
    id: payload.id,
    from: member.service,
    to: payload.from,
    time,
    expires: time + JOINED_VALID_MS,
    epoch: leadership.epoch,
    stated: leadership.stated,
    room: room.room,
    key: handOut(leadership.roomKey),
  };
}
