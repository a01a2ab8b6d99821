/** What the certificate authority counts; docs/observability.md is made from this. */
import { commonMetrics } from '@mom4c/runtime';
import type { MetricDefinition } from '@mom4c/runtime';

export const certificateAuthorityMetrics = {
  ...commonMetrics,
  requests: {
    name: 'scep_requests_total',
    type: 'counter',
    help: 'SCEP messages that were answered.',
    labels: { type: 'messageType of RFC 8894', result: '`ok`, or the failInfo' },
  },
  orders: {
    name: 'admin_orders_total',
    type: 'counter',
    help: 'Orders of administrators.',
    labels: { status: 'of HTTP' },
  },
  unpublished: {
    name: 'certificates_unpublished',
    type: 'gauge',
    help: 'Certificates that the directory does not have yet.',
  },
} as const satisfies Record<string, MetricDefinition>;
