export { taskExecutorMetrics } from './metrics.ts';
export { startAgents } from './agents.ts';
export type { Agents, AgentsOptions } from './agents.ts';
export { createSensorPort } from './sensor-port.ts';
export { taskExecutorSettings } from './settings.ts';
export type { TaskExecutorSettings } from './settings.ts';
