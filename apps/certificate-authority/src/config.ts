import { ENROLLED_ROLES, isDomain, isNodeName, Mom4cError } from '@mom4c/core';
import type { EnrolledRole } from '@mom4c/core';
import { filePath, healthSchema, logSchema } from '@mom4c/runtime';
import * as z from 'zod';

const host = (description: string) => z.string().min(1).max(253).default('127.0.0.1').meta({ description });
const port = (description: string) => z.int().min(0).max(65535).meta({ description });

/** Everything that can be configured about the certificate authority of a domain. */
export const certificateAuthorityConfig = z.strictObject({
  domain: z
    .string()
    .refine(isDomain, 'must be a domain in lower case')
    .meta({ description: 'The XMPP domain whose nodes get certificates; O in their subjects.' }),
  state: filePath('folder, made by the program').meta({
    description: 'Folder for the database of tokens and certificates; made with mode 0700.',
  }),
  keystore: z.strictObject({
    file: filePath('secret, made by the program').meta({
      description: 'PKCS#12 file with the key and certificate of the authority.',
    }),
    passwordFile: filePath('secret').meta({
      description: 'File (mode 0600) with the password of the keystore.',
    }),
  }),
  scep: z.strictObject({
    host: host('Address that SCEP (plain HTTP, signed messages) listens on.'),
    port: port('Port of SCEP; 0 takes a free one.'),
  }),
  admin: z.strictObject({
    host: host('Address that the admin API (HTTPS with client certificates) listens on.'),
    port: port('Port of the admin API; 0 takes a free one.'),
    names: z
      .array(z.string().min(1).max(253))
      .max(16)
      .default([])
      .meta({ description: 'More DNS names and IP addresses under which the admin API is reached.' }),
  }),
  directory: z
    .strictObject({
      url: z
        .string()
        .regex(/^ldaps:\/\/[^/\s]+$/, 'must be ldaps://host:port')
        .meta({ description: 'LDAP server that certificates are published to, ldaps:// only.' }),
      base: z
        .string()
        .regex(/^dc=[a-z0-9-]+(?:,dc=[a-z0-9-]+)*$/, 'must look like dc=alpha,dc=test')
        .meta({ description: 'Base DN; certificates are published in ou=devices under it.' }),
    })
    .optional(),
  validity: z
    .strictObject({
      days: z
        .int()
        .min(1)
        .max(825)
        .default(90)
        .meta({ description: 'How long the certificates of nodes are valid.' }),
    })
    .prefault({}),
  enrolment: z
    .strictObject({
      withoutToken: z.enum(['refuse', 'approval']).default('refuse').meta({
        description:
          'What becomes of a request without a token: refused, or kept until an administrator approves or rejects it.',
      }),
      pending: z
        .int()
        .min(1)
        .max(10_000)
        .default(100)
        .meta({ description: 'How many requests may wait for a decision; more are refused.' }),
      days: z
        .int()
        .min(1)
        .max(90)
        .default(7)
        .meta({ description: 'How long a request is kept, decided or not.' }),
    })
    .prefault({}),
  log: logSchema,
  health: healthSchema,
});

export type CertificateAuthorityConfig = z.output<typeof certificateAuthorityConfig>;

/** `cm` is the service address of every cluster manager, `ca` the authority itself. */
const RESERVED_NAMES: readonly string[] = ['cm', 'ca'];

/** Whom a certificate is for: by a token, or by whoever approves. */
export type Grant = { readonly name: string; readonly role: EnrolledRole };

/** @throws Mom4cError M4C_BAD_ARGUMENTS */
export function checkGrant({ name, role }: { name: string; role: string }): Grant {
  if (!isEnrollableName(name))
    throw new Mom4cError('M4C_BAD_ARGUMENTS', 'name: not a name that a node may have');
  const known = ENROLLED_ROLES.find((one) => one === role);
  if (known === undefined)
    throw new Mom4cError('M4C_BAD_ARGUMENTS', `role: one of ${ENROLLED_ROLES.join(', ')}`);
  return { name, role: known };
}

export function isEnrollableName(name: string): boolean {
  return isNodeName(name) && !RESERVED_NAMES.includes(name);
}
