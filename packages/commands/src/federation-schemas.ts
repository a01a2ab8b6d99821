/** What is told of links and partners: by the gateway to the manager, and by the manager to whoever asks. */
import * as z from 'zod';

export const LINK_STATES = ['up', 'connecting', 'waiting', 'down', 'disconnected'] as const;

const domain = z.string().max(253);
const count = z.number().int().nonnegative();
const seconds = z.number().nonnegative();
const level = z.enum(['permissive', 'verified', 'encrypted', 'sso']).describe('How it proves who it is');
/** Of a level below sso. */
const warning = z.string().max(300).optional().describe('What this level does not protect from');

const stream = z.strictObject({
  local: domain.describe('Host of this domain'),
  remote: domain.describe('Host of the partner'),
  address: z.string().max(300).describe('IP address and port of the other side'),
  tls: z.string().max(20).optional().describe('Protocol; absent in clear'),
});
const MAX_STREAMS = 600;

export const linkSchema = z.strictObject({
  partner: domain,
  level,
  state: z
    .enum(LINK_STATES)
    .describe('`waiting` for the next try; `disconnected` by an administrator, or not wished for yet'),
  since: seconds.describe('In this state since, Unix seconds'),
  out: z.array(stream).max(MAX_STREAMS).describe('Streams to the partner'),
  in: z.array(stream).max(MAX_STREAMS).describe('Streams from the partner'),
  sent: count.describe('Stanzas, since the gateway was started; the following as well'),
  received: count,
  bounced: count.describe('Could not be handed on, and went back to their senders as errors'),
  dropped: count.describe('Could not be handed on, of a kind that nobody is told about'),
  ups: count.describe('Times that it came up'),
  downs: count.describe('Times that it was lost'),
  queued: count.describe('Stanzas that wait to be written now'),
  present: count.describe('Presences that are remembered of both sides'),
  reason: z
    .strictObject({ code: z.string().max(64), detail: z.string().max(500).optional() })
    .optional()
    .describe('Why it is not up'),
  warning,
});
export type LinkReport = z.output<typeof linkSchema>;

export const partnerSchema = z.strictObject({
  domain,
  level,
  hosts: z.array(domain).max(64).describe('That it speaks for'),
  address: z.string().max(300).describe('Of its gateway or server, or `srv`: as its DNS says'),
  agent: z.string().max(1000).optional().describe('Its authentication agent, as the metadata have it'),
  certificates: count.describe('How many are pinned'),
  authority: z.boolean().describe('Are certificates under an authority of it accepted?'),
  attributes: z
    .record(z.string().max(200), z.array(z.string().max(1000)).max(100))
    .describe('What its assertions must say'),
  connect: z.enum(['always', 'manual']),
  warning,
});
export type PartnerReport = z.output<typeof partnerSchema>;

/** More than a gateway takes into its configuration. */
export const MAX_PARTNERS = 200;

/** What `federation status` tells. */
export const federationSchema = z.strictObject({
  gateway: z.strictObject({
    name: z.string().max(64),
    version: z.string().max(64),
    since: z.number().nonnegative().describe('Started, Unix seconds'),
  }),
  hosts: z.array(z.string().max(253)).max(64).describe('Of this domain, to which partners may speak'),
  idp: z
    .strictObject({
      entityId: z.string().max(1000).optional(),
      session: z.boolean().describe('Is there one that spares the next log-in?'),
      logins: z.number().int().nonnegative().describe('With credentials, since the gateway was started'),
      fault: z.string().max(64).optional().describe('Code of the last answer of the provider that was none'),
      means: z.string().max(500).describe('What that means for links, present and new ones'),
      metadataUntil: z.number().optional().describe('How long the metadata are valid, Unix seconds'),
    })
    .optional()
    .describe('Where this domain logs in; absent below sso'),
  links: z.array(linkSchema).max(MAX_PARTNERS),
});
export type FederationReport = z.output<typeof federationSchema>;
