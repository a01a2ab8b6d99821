export { certificateAuthorityConfig } from './config.ts';
export type { CertificateAuthorityConfig } from './config.ts';
export { certificateAuthorityMetrics } from './metrics.ts';
