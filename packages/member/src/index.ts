export { ensureIdentity, tlsOf } from './first-start.ts';
export type { Enrolled, Surroundings } from './first-start.ts';
export { currentManagers } from './managers.ts';
export { roomNick } from './room-nick.ts';
export { startMember } from './member.ts';
export type { Member } from './member.ts';
export { SERVICE_RESOURCE, adminSettings, clusterRoom, memberShape, serviceAddress } from './settings.ts';
export type { AdminSettings, MemberSettings } from './settings.ts';
export { letterIn, lettersElements, NS_ENCRYPTED } from './wire.ts';
