export { startAgents } from './agents.ts';
export type { Agents, AgentsOptions } from './agents.ts';
