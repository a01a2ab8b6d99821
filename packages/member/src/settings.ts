/** What every member of a domain is configured with: its name, where its secrets lie, and where its servers are. */
import { isBareJid, isDomain, isNodeName } from '@mom4c/core';
import { filePath, healthSchema, logSchema } from '@mom4c/runtime';
import * as z from 'zod';

const host = z.string().min(1).max(253);
const port = z.int().min(1).max(65535);

export const memberShape = {
  domain: z
    .string()
    .refine(isDomain, 'not a domain name in lower case')
    .meta({ env: 'MOM4C_DOMAIN', description: 'XMPP domain that this node belongs to.' }),
  name: z
    .string()
    .refine(isNodeName, 'not a node name: lower-case letters, digits, dot, dash, underscore')
    .meta({ env: 'MOM4C_NAME', description: 'Name of this node or person; the CN of its certificate.' }),
  state: filePath('folder, made by the program').meta({
    env: 'MOM4C_STATE',
    description: 'Folder for what outlives the process.',
  }),
  keystore: z.strictObject({
    file: filePath('secret, made by the program').meta({
      env: 'MOM4C_KEYSTORE',
      description: 'PKCS#12 file; made by the first start.',
    }),
    passwordFile: filePath('secret').meta({
      env: 'MOM4C_KEYSTORE_PASSWORD_FILE',
      description: 'File that holds the password of the keystore; mode 0600.',
    }),
  }),
  tokenFile: filePath('secret, used once').optional().meta({
    env: 'MOM4C_TOKEN_FILE',
    description: 'One-time enrolment token; deleted once it has been used.',
  }),
  enrolment: z.enum(['token', 'approval']).default('token').meta({
    env: 'MOM4C_ENROLMENT',
    description:
      'What lets this node in where it has no token: nothing, or the approval of an administrator, for which it waits.',
  }),
  authority: z.strictObject({
    url: z
      .url({ protocol: /^https?$/ })
      .meta({ env: 'MOM4C_CA_URL', description: 'SCEP service of the domain.' }),
    fingerprint: z
      .string()
      .regex(/^[0-9a-fA-F]{2}(:?[0-9a-fA-F]{2}){31}$/, 'not a SHA-256 fingerprint in hex')
      .transform((text) => text.replaceAll(':', '').toLowerCase())
      .meta({
        env: 'MOM4C_CA_FINGERPRINT',
        description: 'SHA-256 of the certificate of the authority: the one trust anchor.',
      }),
  }),
  directory: z.strictObject({
    url: z
      .url({ protocol: /^ldaps$/ })
      .meta({ env: 'MOM4C_LDAP_URL', description: 'LDAP directory, `ldaps://…`.' }),
    base: z.string().min(1).max(1000).meta({ env: 'MOM4C_LDAP_BASE', description: 'Base DN of the domain.' }),
  }),
  xmpp: z.strictObject({
    host: host.meta({ env: 'MOM4C_XMPP_HOST', description: 'Host of the XMPP server.' }),
    port: port.meta({ env: 'MOM4C_XMPP_PORT', description: 'Its port for direct TLS.' }),
    passwordFile: filePath('secret').optional().meta({
      env: 'MOM4C_XMPP_PASSWORD_FILE',
      description:
        'For a server that has no log-in by certificate: file (mode 0600) with the password of the account. Log-in is by SCRAM-SHA-256 then, else by SASL EXTERNAL; never the one in place of the other.',
    }),
    muc: host.optional().meta({ description: 'Host of its rooms; `conference.<domain>` where absent.' }),
  }),
  log: logSchema,
  health: healthSchema,
};

const memberSchema = z.strictObject(memberShape);
export type MemberSettings = z.output<typeof memberSchema>;

/** The profile of a person: a member that also knows where the certificate authority takes orders. */
export const adminSettings = z.strictObject({
  ...memberShape,
  admin: z
    .strictObject({
      url: z.url({ protocol: /^https$/ }).meta({
        env: 'MOM4C_ADMIN_URL',
        description: 'Admin service of the certificate authority, `https://…`.',
      }),
    })
    .optional(),
});
export type AdminSettings = z.output<typeof adminSettings>;

/** The room of the whole cluster. */
export function clusterRoom(settings: Pick<MemberSettings, 'domain' | 'xmpp'>): string {
  const room = `cluster@${settings.xmpp.muc ?? `conference.${settings.domain}`}`;
  if (!isBareJid(room)) throw new Error(`not a room address: ${room}`);
  return room;
}

/** The service address of the cluster manager: its active holder is logged in as `cm@D/active`. */
export const SERVICE_NAME = 'cm';
export const SERVICE_RESOURCE = 'active';

export function serviceAddress(domain: string): string {
  return `${SERVICE_NAME}@${domain}`;
}
