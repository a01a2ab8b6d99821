export * from './candidate.ts';
export { storeLimitMs } from './store-access.ts';
export type { HoldingState, LossReason } from './tenure.ts';
