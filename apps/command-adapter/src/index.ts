export { commandAdapterMetrics } from './metrics.ts';
export { commandAdapterSettings } from './settings.ts';
export type { CommandAdapterSettings } from './settings.ts';
