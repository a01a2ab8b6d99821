/** What a command adapter counts; docs/observability.md is made from this. */
import type { MetricDefinition } from '@mom4c/runtime';

export const commandAdapterMetrics = {
  online: {
    name: 'component_online',
    type: 'gauge',
    help: '1 while the XMPP server takes the adapter for its component.',
  },
} as const satisfies Record<string, MetricDefinition>;
