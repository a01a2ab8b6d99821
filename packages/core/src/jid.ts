/**
 * XMPP addresses (RFC 7622), narrowed to what our certificates can name: lower-case ASCII local parts and domains.
 * What is outside of that is refused, not normalised: two spellings of one name are an attack surface.
 */
import { Mom4cError } from './errors.ts';

/** `te1@alpha.test`, without a resource. */
export type BareJid = string;
/** `te1@alpha.test/agent`. */
export type FullJid = string;

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const DOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const NODE_NAME = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;

/** The name of a node or person: the local part of its address and the CN of its certificate. */
export function isNodeName(text: string): boolean {
  return NODE_NAME.test(text);
}

export function isDomain(text: string): boolean {
  return text.length <= 253 && DOMAIN.test(text);
}

export type JidParts = { local: string; domain: string; resource: string | undefined };

/** @throws Mom4cError M4C_MALFORMED if it is not an address with a local part, as narrowed above. */
export function parseJid(text: string): JidParts {
  const slash = text.indexOf('/');
  const bare = slash < 0 ? text : text.slice(0, slash);
  const resource = slash < 0 ? undefined : text.slice(slash + 1);
  const at = bare.indexOf('@');
  const local = bare.slice(0, Math.max(at, 0));
  const domain = bare.slice(at + 1);
  if (!isNodeName(local) || !isDomain(domain) || resource === '' || (resource?.length ?? 0) > 256)
    throw new Mom4cError('M4C_MALFORMED', `not an XMPP address: ${JSON.stringify(text.slice(0, 80))}`);
  return { local, domain, resource };
}

/** The address without its resource. @throws Mom4cError M4C_MALFORMED */
export function bareJid(text: string): BareJid {
  const { local, domain } = parseJid(text);
  return `${local}@${domain}`;
}

export function isBareJid(text: string): boolean {
  const [local, domain, ...rest] = text.split('@');
  return rest.length === 0 && isNodeName(local ?? '') && isDomain(domain ?? '');
}
