export { certificateAuthorityConfig, ENROLLED_ROLES } from './config.ts';
export type { CertificateAuthorityConfig, EnrolledRole } from './config.ts';
export { certificateAuthorityMetrics } from './metrics.ts';
