export * from './candidate.ts';
export type { HoldingState, LossReason } from './tenure.ts';
