/** Asking the active manager to be let into the room of the cluster, and for its session key. */
import { Mom4cError, VERSION } from '@mom4c/core';
import type { PayloadOf } from '@mom4c/messaging';
import type { XmppSession } from '@mom4c/xmpp';
import { currentManagers } from './managers.ts';
import type { Member } from './member.ts';
import { SERVICE_RESOURCE } from './settings.ts';
import { letterIn, lettersElements } from './wire.ts';

const TIMEOUT_MS = 10_000;
const VALID_MS = 30_000;

/** @throws Mom4cError what the manager or the server refuses with; M4C_NO_MANAGER, M4C_TIMEOUT, M4C_XMPP_OFFLINE */
export async function askToJoin(member: Member, session: XmppSession): Promise<PayloadOf<'joined'>> {
  const { address, service, room, clock, newId, postbox, settings } = member;
  const time = clock.now();
  const ends = { from: address, to: service };
  const join = {
    ...{ type: 'join' as const, id: newId(), ...ends, time, expires: time + VALID_MS },
    version: VERSION,
  };
  // To all managers of the directory: the last statement may name one that has enrolled anew since.
  const [letter] = lettersElements(await postbox.sealTo(join, await currentManagers(member)));
  const answer = await session.request(`${service}/${SERVICE_RESOURCE}`, 'set', letter!, {
    timeoutMs: TIMEOUT_MS,
  });
  const sealed = letterIn(answer);
  if (!sealed) throw new Mom4cError('M4C_NOT_SIGNED', 'the answer to join');
  const audience = { addresses: [address], rooms: [], name: settings.name };
  const { payload } = await postbox.open(sealed, ['joined'], audience, service);
  if (payload.id !== join.id || payload.room !== room)
    throw new Mom4cError('M4C_UNEXPECTED', 'the answer to another join');
  return payload;
}
