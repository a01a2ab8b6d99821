import { isDomain } from '@mom4c/core';
import { memberShape } from '@mom4c/member';
import { componentServerShape, filePath, natsUrlSchema } from '@mom4c/runtime';
import * as z from 'zod';
import { LEVELS } from './partner.ts';
import { ruleFaults } from './settings-rules.ts';

const domain = z.string().refine(isDomain, 'not a domain name in lower case');
const host = z.string().min(1).max(253);
const port = z.int().min(1).max(65535);
const hosts = z.array(domain).min(1).max(16);
const https = z.url({ protocol: /^https$/ }).max(1000);
const MINUTE_SECONDS = 60;

const component = z.strictObject({
  ...componentServerShape,
  secretFile: filePath('secret').meta({
    env: 'MOM4C_COMPONENT_SECRET_FILE',
    description: "File (mode 0600) with the secret that the XMPP server has for the partners' hosts.",
  }),
  connections: z.enum(['one', 'each']).default('one').meta({
    description:
      "`one` link carries all partners' hosts (ejabberd with `global_routes: true`), or `each` has its own (Prosody).",
  }),
});

const s2s = z.strictObject({
  host: host.default('0.0.0.0').meta({ description: 'Address that partners are listened for on.' }),
  port: port.default(5269).meta({ env: 'MOM4C_S2S_PORT', description: 'Its port.' }),
  certFile: filePath().meta({
    description:
      'PEM of the certificate that partners see, here and at the authentication agent: for the hosts of this domain.',
  }),
  keyFile: filePath('secret').meta({ description: 'PEM of its key; mode 0600.' }),
  nextCertFile: filePath().optional().meta({
    description: 'PEM of the certificate that is to take its place: the metadata have both until then.',
  }),
  address: z
    .strictObject({
      host: host.meta({ description: 'Where partners reach this gateway: for the metadata.' }),
      port: port.default(5269).meta({ description: 'Its port.' }),
    })
    .optional()
    .meta({ description: 'Where absent, partners go by DNS (SRV).' }),
});

const agent = z.strictObject({
  host: host
    .default('0.0.0.0')
    .meta({ description: "Address that the authentication agent's HTTPS listens on." }),
  port: port.meta({ env: 'MOM4C_AGENT_PORT', description: 'Its port.' }),
  url: https.regex(/\/$/, 'must end in /').meta({
    description: 'Under which partners and identity provider reach it, `https://…/`: what the metadata say.',
  }),
});

const federation = z.strictObject({
  metadataFile: filePath()
    .optional()
    .meta({ description: 'Signed metadata of the federation: a file; this or `metadataUrl`.' }),
  metadataUrl: https
    .optional()
    .meta({ description: 'Signed metadata of the federation: an address that they are fetched from.' }),
  signerFiles: z
    .array(filePath())
    .min(1)
    .max(8)
    .meta({ description: "PEM of the certificates of the federation's operator, who signs the metadata." }),
  refreshSeconds: z
    .int()
    .min(MINUTE_SECONDS)
    .max(86_400)
    .default(60 * MINUTE_SECONDS)
    .meta({ description: 'How often the metadata are fetched; a file is read as soon as it changes.' }),
  caFile: filePath().optional().meta({
    description: "PEM of the authority of the web server of `metadataUrl`; the system's where absent.",
  }),
  idp: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .meta({ description: 'entityID of the identity provider, where the metadata have several.' }),
  discovery: https.optional().meta({
    description:
      'Discovery service that partners are sent by; straight to the identity provider where absent.',
  }),
});

const login = z.strictObject({
  method: z
    .enum(['ecp', 'form', 'certificate'])
    .meta({ description: 'How this domain logs in at the identity provider.' }),
  user: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({ env: 'MOM4C_IDP_USER', description: 'Its account there; for `ecp` and `form`.' }),
  passwordFile: filePath('secret').optional().meta({
    env: 'MOM4C_IDP_PASSWORD_FILE',
    description: 'File (mode 0600) with its password; for `ecp` and `form`.',
  }),
  certFile: filePath()
    .optional()
    .meta({ description: 'PEM of the certificate to log in with; for `certificate`.' }),
  keyFile: filePath('secret').optional().meta({ description: 'PEM of its key; mode 0600.' }),
  caFile: filePath().optional().meta({
    description: "PEM of the authority of the identity provider's web server; the system's where absent.",
  }),
});

const partner = z.strictObject({
  domain: domain.meta({ description: 'XMPP domain of the partner.' }),
  level: z.enum(LEVELS).default('sso').meta({
    description: 'How the partner proves who it is, and this domain to it. Less than `sso` is warned about.',
  }),
  hosts: hosts.optional().meta({
    description:
      'Hosts that it speaks for. Where absent: those of the metadata, else its domain and `conference.<domain>`.',
  }),
  address: z
    .strictObject({
      host: host.meta({ description: 'Where its gateway or server listens.' }),
      port: port.default(5269).meta({ description: 'Its port.' }),
    })
    .optional()
    .meta({ description: 'Where absent: that of the metadata, else as its DNS says (SRV).' }),
  certificateFiles: z
    .array(filePath())
    .max(8)
    .default([])
    .meta({ description: 'PEM of its certificates, pinned; beside those of the metadata.' }),
  authorityFile: filePath().optional().meta({
    description: 'PEM of the authority under which certificates of its hosts are accepted; not for `sso`.',
  }),
  attributes: z
    .record(z.string().min(1).max(200), z.array(z.string().max(1000)).min(1).max(100))
    .default({})
    .meta({
      description: 'What its assertions must say: name of an attribute to allowed values; for `sso`.',
    }),
  identityProviders: z.array(z.string().min(1).max(1000)).min(1).max(16).optional().meta({
    description:
      'entityIDs of the identity providers that may vouch for it, and then for no partner that does not name them; for `sso`. Where absent: all that the metadata list.',
  }),
  connect: z.enum(['always', 'manual']).default('always').meta({
    description: '`manual`: no link before `mom4c federation connect`.',
  }),
});

/** docs/config.md is made from this. */
export const federationGatewaySettings = z
  .strictObject({
    ...memberShape,
    nats: z.strictObject({ url: natsUrlSchema }),
    component,
    hosts: hosts.optional().meta({
      description:
        'Hosts of this domain that partners may speak to. Where absent: the domain and its rooms (`xmpp.muc`).',
    }),
    s2s,
    agent: agent.optional(),
    federation: federation.optional(),
    login: login.optional(),
    partners: z.array(partner).min(1).max(200),
  })
  .superRefine((settings, context) => {
    for (const { path, message } of ruleFaults(settings))
      context.addIssue({ code: 'custom', path: [...path], message });
  });

export type FederationGatewaySettings = z.output<typeof federationGatewaySettings>;
