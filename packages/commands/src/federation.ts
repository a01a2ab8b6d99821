/** The links to partners, as the gateway of this domain tells of them, and what an administrator may do about them. */
import * as z from 'zod';
import { defineCommand, isDomain } from '@mom4c/core';
import type { ErrorCode } from '@mom4c/core';
import { MAX_PARTNERS, federationSchema, linkSchema, partnerSchema } from './federation-schemas.ts';
import type { LinkReport } from './federation-schemas.ts';

const GATEWAY_ERRORS: readonly ErrorCode[] = ['M4C_GATEWAY_UNAVAILABLE'];

const LINK_COLUMNS = ['partner', 'level', 'link', 'since', 'sent', 'received', 'bounced', 'why', 'warning'];

const domainArgument = z.strictObject({
  domain: z
    .string()
    .refine(isDomain, 'not a domain name in lower case')
    .describe('XMPP domain of a partner, as the configuration of the gateway names it'),
});

export const federation = defineCommand({
  name: 'federation',
  verb: 'federation status',
  runsOn: 'cm',
  access: 'federation:read',
  idempotent: true,
  summary: 'Show the links to partners: which are up, and why the others are not.',
  description:
    'A link is up when its streams in both directions are. While it is not, the gateway bounces what is for the ' +
    'partner, so that senders know at once. See docs/federation.md.',
  args: z.strictObject({}),
  result: federationSchema,
  errors: GATEWAY_ERRORS,
  examples: [
    { line: 'mom4c federation status', does: 'shows them as a table' },
    { line: 'mom4c federation status --watch 5s', does: 'shows them anew every five seconds' },
  ],
  table: {
    columns: LINK_COLUMNS,
    rows: (result) => result.links.map(linkRow),
    notes: ({ idp }) => (idp ? [`Identity provider: ${idp.fault ? `${idp.fault}. ` : ''}${idp.means}`] : []),
  },
  run: (_args, { federation: gateway, signal }) => gateway.status(signal) as Promise<never>,
});

export const federationpartners = defineCommand({
  name: 'federationpartners',
  verb: 'federation partners',
  runsOn: 'cm',
  access: 'federation:read',
  idempotent: true,
  summary: 'List the partners: level, hosts, address and pins, from configuration and metadata together.',
  args: z.strictObject({}),
  result: z.strictObject({ partners: z.array(partnerSchema).max(MAX_PARTNERS) }),
  errors: GATEWAY_ERRORS,
  examples: [{ line: 'mom4c federation partners', does: 'shows them as a table' }],
  table: {
    columns: ['partner', 'level', 'hosts', 'address', 'pins', 'connect', 'warning'],
    rows: (result) =>
      result.partners.map((one) => [
        one.domain,
        one.level,
        one.hosts.join(', '),
        one.address,
        one.authority ? `${one.certificates} and an authority` : String(one.certificates),
        one.connect,
        one.warning ?? '',
      ]),
  },
  run: (_args, { federation: gateway, signal }) => gateway.partners(signal) as Promise<never>,
});

export const federationconnect = defineCommand({
  name: 'federationconnect',
  verb: 'federation connect',
  runsOn: 'cm',
  access: 'federation:manage',
  idempotent: true,
  summary: 'Connect to a partner, and wait until the link is up.',
  description:
    'The wish stays, also when the link fails now or the gateway is restarted: it tries again by itself until ' +
    '`mom4c federation disconnect`.',
  // A log-in by way of an identity provider that knows nobody yet.
  patience: 60,
  args: domainArgument,
  result: linkSchema,
  errors: ['M4C_PARTNER_UNKNOWN', 'M4C_PARTNER_DOWN', ...GATEWAY_ERRORS],
  examples: [{ line: 'mom4c federation connect beta.test', does: 'brings up the link to beta.test' }],
  table: { columns: LINK_COLUMNS, rows: (link) => [linkRow(link)] },
  run: ({ domain }, { federation: gateway, signal }) => gateway.connect(domain, signal) as Promise<never>,
});

export const federationdisconnect = defineCommand({
  name: 'federationdisconnect',
  verb: 'federation disconnect',
  runsOn: 'cm',
  access: 'federation:manage',
  idempotent: true,
  summary: 'End the link to a partner, and keep it ended.',
  description:
    'Streams of both directions are closed, new ones of the partner refused, and stanzas for it bounced, until ' +
    '`mom4c federation connect`; also over restarts of the gateway.',
  args: domainArgument,
  result: linkSchema,
  errors: ['M4C_PARTNER_UNKNOWN', ...GATEWAY_ERRORS],
  examples: [{ line: 'mom4c federation disconnect beta.test', does: 'ends the link to beta.test' }],
  table: { columns: LINK_COLUMNS, rows: (link) => [linkRow(link)] },
  run: ({ domain }, { federation: gateway, signal }) => gateway.disconnect(domain, signal) as Promise<never>,
});

export const federationmetadata = defineCommand({
  name: 'federationmetadata',
  verb: 'federation metadata',
  runsOn: 'cm',
  access: 'federation:read',
  idempotent: true,
  summary:
    "Print this gateway's SAML descriptor, for the operator of the federation to put into the signed metadata.",
  args: z.strictObject({}),
  result: z.strictObject({ xml: z.string().max(65_536) }),
  errors: ['M4C_METADATA', ...GATEWAY_ERRORS],
  examples: [{ line: 'mom4c federation metadata > alpha.xml', does: 'writes it to a file' }],
  table: { columns: ['descriptor'], rows: (result) => [[result.xml]] },
  text: ({ xml }) => (xml.endsWith('\n') ? xml : `${xml}\n`),
  run: (_args, { federation: gateway, signal }) => gateway.metadata(signal) as Promise<never>,
});

function linkRow(link: LinkReport): string[] {
  const { partner, level, state, since, sent, received, bounced, reason, warning = '' } = link;
  const date = new Date(since * 1000);
  return [
    partner,
    level,
    state,
    Number.isNaN(date.getTime()) ? '' : date.toISOString().replace(/\.\d+Z$/, 'Z'),
    String(sent),
    String(received),
    String(bounced),
    reason ? [reason.code, reason.detail].filter(Boolean).join(': ') : '',
    warning,
  ];
}
