/** The links to partners, as the gateway tells of them; a domain without a gateway has none to check. */
import { ERRORS, isErrorCode } from '@mom4c/core';
import { federation } from '@mom4c/commands';
import type { FederationReport, LinkReport } from '@mom4c/commands';
import { askManager } from './ask-manager.ts';
import type { LoggedIn } from './cluster-checks.ts';
import type { Found } from './examination.ts';

const SOON_S = 2 * 86_400;

export async function checkFederation({ member, session }: LoggedIn): Promise<Found<undefined>> {
  const gateways = await member.directory.byRole('gateway');
  if (gateways.length === 0) return { says: 'this domain has no gateway', skipped: true };
  const { result } = await askManager({ member, session }, federation);
  return reportOf(result as FederationReport, Date.now() / 1000);
}

/** @param now Unix seconds */
export function reportOf({ gateway, links, idp }: FederationReport, now: number): Found<undefined> {
  const up = links.filter(({ state }) => state === 'up');
  const ended = links.filter(({ state }) => state === 'disconnected');
  const down = links.filter((link) => !up.includes(link) && !ended.includes(link));
  const low = links.filter(({ warning }) => warning !== undefined);
  const until = idp?.metadataUntil;
  const isEnding = until !== undefined && until - now < SOON_S;
  const says = [
    `${gateway.name}: ${up.length} of ${links.length} links are up`,
    ...down.map((link) => `${link.partner} is away${why(link)}`),
    ...(ended.length > 0 ? [`disconnected: ${namesOf(ended)}`] : []),
    ...(low.length > 0 ? [`below sso: ${namesOf(low)}`] : []),
    ...(idp?.fault === undefined ? [] : [`identity provider: ${idp.fault}; ${idp.means}`]),
    ...(isEnding ? [`the metadata are valid until ${new Date(until * 1000).toISOString()}`] : []),
  ].join('; ');
  const code = down.length > 0 ? (down[0]!.reason?.code ?? 'M4C_PARTNER_DOWN') : idp?.fault;
  if (code !== undefined)
    return {
      says,
      value: undefined,
      warn: { remedy: ERRORS[isErrorCode(code) ? code : 'M4C_PARTNER_DOWN'].fix },
    };
  if (isEnding) return { says, value: undefined, warn: { remedy: ERRORS.M4C_METADATA.fix } };
  if (low.length > 0)
    return {
      says,
      value: undefined,
      warn: { remedy: 'Raise the level of these partners to sso, with them.' },
    };
  return { says, value: undefined };
}

const namesOf = (links: readonly LinkReport[]): string => links.map(({ partner }) => partner).join(', ');

function why({ reason }: LinkReport): string {
  return reason ? ` (${reason.code}${reason.detail === undefined ? '' : `: ${reason.detail}`})` : '';
}
