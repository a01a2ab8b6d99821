/** Links to partners: what the rest of the gateway sees of them. */
export { createS2sManager } from './s2s-manager.ts';
export type { S2sManager, S2sManagerSettings } from './s2s-manager.ts';
export type { LinkCounts, LinkState, LinkStatus, StreamStatus } from './link-status.ts';
