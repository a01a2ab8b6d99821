export { federationGatewayMetrics } from './metrics.ts';
export { federationGatewaySettings } from './settings.ts';
export type { FederationGatewaySettings } from './settings.ts';
