/** Pieces that the configurations of several apps share. */
import { isLoopback } from '@mom4c/core';
import * as z from 'zod';
import type { PathKind } from './settings.ts';

/** A path; a relative one is taken from the folder of the configuration file. */
export const filePath = (leadsTo: PathKind = 'file') =>
  z
    .string()
    .min(1)
    .max(4096)
    .refine((path) => !path.includes('\0'), 'must not hold a NUL')
    .meta({ format: 'path', leadsTo });

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

export const logSchema = z
  .strictObject({
    level: z
      .enum(LOG_LEVELS)
      .default('info')
      .meta({ env: 'MOM4C_LOG_LEVEL', description: 'Least level that is logged.' }),
  })
  .prefault({});

/** Absent: no health server. */
export const healthSchema = z
  .strictObject({
    host: z
      .string()
      .min(1)
      .max(253)
      .default('127.0.0.1')
      .meta({ description: 'Address that /livez, /readyz (also /healthz) and /metrics listen on.' }),
    port: z.int().min(0).max(65535).meta({ description: 'Its port; 0 takes a free one.' }),
    tls: z
      .strictObject({
        certFile: filePath().meta({
          description:
            'PEM of a certificate with the role `server`, as the authority makes it: for host names.',
        }),
        keyFile: filePath('secret').meta({ description: 'PEM of its key; mode 0600.' }),
      })
      .optional()
      .meta({
        description:
          'Mutual TLS: clients need a certificate of the domain with the role `admin` or `monitor`.',
      }),
  })
  .refine(({ host, tls }) => tls !== undefined || isLoopback(host), {
    path: ['host'],
    message: 'not an address of the loopback interface: needs health.tls',
  })
  .optional();

export type HealthSettings = NonNullable<z.output<typeof healthSchema>>;

const natsUrl = z.url({ protocol: /^tls$/ });

/** One server, or those of one cluster in the order in which they are asked. */
export const natsUrlSchema = z
  .union([
    natsUrl,
    z
      .array(natsUrl)
      .min(1)
      .max(5)
      .refine((urls) => new Set(urls).size === urls.length, 'names a server twice'),
  ])
  .meta({
    env: 'MOM4C_NATS_URL',
    description:
      'NATS server of the domain, with JetStream: `tls://…`; of a cluster a list of servers, the nearest first, and the ' +
      'others for when it is gone. Their certificates must name the hosts given here.',
  });

/** Where an external component (XEP-0114) finds its XMPP server. */
export const componentServerShape = {
  host: z
    .string()
    .refine(isLoopback, 'not an address of the loopback interface: the link is not encrypted')
    .default('127.0.0.1')
    .meta({
      env: 'MOM4C_COMPONENT_HOST',
      description: 'Where the XMPP server takes components: loopback only.',
    }),
  port: z
    .int()
    .min(1)
    .max(65535)
    .meta({ env: 'MOM4C_COMPONENT_PORT', description: 'Its port for components.' }),
};
