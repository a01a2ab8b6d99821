export { configFile } from './arguments.ts';
export { describeError, runApp } from './app.ts';
export type { App, StopFunction } from './app.ts';
export { loadConfig, readConfig } from './config.ts';
export type { ConfigFault, ConfigSources } from './config.ts';
export { answersCheck, checkConfig, configReportSchema } from './config-check.ts';
export type { ConfigFinding, ConfigReport } from './config-check.ts';
export { startHealthServer } from './health.ts';
export type { CheckResult, HealthCheck, HealthTls } from './health.ts';
export { createHttpServer, HTTP_LIMITS, HTTPS_LIMITS, listen, requestHttp } from './http-server.ts';
export type { HttpService } from './http-server.ts';
export { createLogger } from './logger.ts';
export type { Logger, LogLevel } from './logger.ts';
export { commonMetrics, createMetrics, METRIC_PREFIX } from './metrics.ts';
export type { Labels, MetricDefinition, Metrics } from './metrics.ts';
export {
  componentServerShape,
  filePath,
  healthSchema,
  LOG_LEVELS,
  logSchema,
  natsUrlSchema,
} from './schemas.ts';
export type { HealthSettings } from './schemas.ts';
export { fieldsOf } from './schema-fields.ts';
export { replaceFile } from './replace-file.ts';
export { readSecret } from './secret.ts';
export { listSettings } from './settings.ts';
export type { PathKind, Setting, SettingMeta } from './settings.ts';
export { toYaml } from './yaml.ts';
