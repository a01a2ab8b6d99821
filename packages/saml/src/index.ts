export { parseXml } from './restricted-xml.ts';
export type { FederationMetadata, GatewayDescriptor, IdpDescriptor } from './descriptors.ts';
