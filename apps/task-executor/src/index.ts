export { createActuatorPort } from './actuator-port.ts';
export { taskExecutorMetrics } from './metrics.ts';
export { startAgents } from './agents.ts';
export type { Agents, AgentsOptions } from './agents.ts';
export { DEFAULT_RECORD_LIMITS, ExecutionRecord } from './execution-record.ts';
export type { Answer, RecordLimits, RecordStore, Work } from './execution-record.ts';
export { createSensorPort } from './sensor-port.ts';
export { taskExecutorSettings } from './settings.ts';
export type { TaskExecutorSettings } from './settings.ts';
