export { clusterManagerMetrics } from './metrics.ts';
export { clusterManagerSettings } from './settings.ts';
export type { ClusterManagerSettings } from './settings.ts';
