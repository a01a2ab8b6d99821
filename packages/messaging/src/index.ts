export { DEFAULT_LIMITS, Freshness } from './freshness.ts';
export type { FloorStore, FreshnessLimits } from './freshness.ts';
export { MAX_RECORD, journalRecords } from './journal-record.ts';
export {
  MAX_EVENTS,
  MAX_IDS,
  MAX_LOAD,
  MAX_MANAGERS,
  MAX_PAYLOAD,
  decodePayload,
  encodePayload,
} from './payload.ts';
export type { Outcome, Payload, PayloadOf, PayloadType } from './payload.ts';
export { Postbox } from './postbox.ts';
export type { Audience, Letter, PostboxParts, Received } from './postbox.ts';
export { SessionKeyRing, handOut, newSessionKey, takeKey } from './session-keys.ts';
export type { KeyHandOut } from './session-keys.ts';
