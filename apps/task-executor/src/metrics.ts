/** What a task executor counts, its agents included; docs/observability.md is made from this. */
import { readFileSync } from 'node:fs';
import { NODE_MANAGER_STATES } from '@mom4c/core';
import type { MetricDefinition, Metrics } from '@mom4c/runtime';
import type { Agents } from './agents.ts';
import type { ManagerRole } from './manager-role.ts';

export const taskExecutorMetrics = {
  seconds: {
    name: 'command_seconds',
    type: 'histogram',
    help: 'How long commands ran on this node.',
    labels: { command: 'its name' },
  },
  running: { name: 'commands_running', type: 'gauge', help: 'Commands that run on this node.' },
  member: { name: 'cluster_member', type: 'gauge', help: '1 while the node is in the cluster.' },
  starts: {
    name: 'agent_starts_total',
    type: 'counter',
    help: 'Starts of an agent; all but the first are restarts.',
    labels: { agent: 'its name' },
  },
  memory: {
    name: 'agent_resident_memory_bytes',
    type: 'gauge',
    help: 'Resident memory of the process of an agent; none while it is down.',
    labels: { agent: 'its name' },
  },
  manager: {
    name: 'node_manager',
    type: 'gauge',
    help: 'Of the manager that this node may become: 0 while it is off, 1 while it starts, 2 while it is ready.',
  },
  managerStarts: {
    name: 'node_manager_starts_total',
    type: 'counter',
    help: 'Starts of the manager on this node.',
  },
} as const satisfies Record<string, MetricDefinition>;

/** An agent listens on the bus of its node only: what is to be known of it, its supervisor tells. */
export function watchAgents(metrics: Metrics, agents: Pick<Agents, 'pids' | 'starts'>): void {
  metrics.watch(taskExecutorMetrics.starts, () =>
    Object.entries(agents.starts()).map(([agent, count]) => [{ agent }, count] as const),
  );
  metrics.watch(taskExecutorMetrics.memory, () =>
    Object.entries(agents.pids()).flatMap(([agent, pid]) => {
      const octets = pid === undefined ? undefined : residentMemory(pid);
      return octets === undefined ? [] : [[{ agent }, octets] as const];
    }),
  );
}

export function watchManagerRole(metrics: Metrics, role: Pick<ManagerRole, 'state' | 'starts'>): void {
  metrics.watch(taskExecutorMetrics.manager, () => NODE_MANAGER_STATES.indexOf(role.state));
  metrics.watch(taskExecutorMetrics.managerStarts, () => role.starts);
}

function residentMemory(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    // It has just ended.
    return undefined;
  }
}
