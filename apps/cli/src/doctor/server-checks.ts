/** The servers of the domain, and the clock that they show. */
import { request as httpsRequest } from 'node:https';
import { Mom4cError, systemClock, silentLog } from '@mom4c/core';
import { createLdapDirectory, fetchAuthority } from '@mom4c/pki';
import type { AdminSettings } from '@mom4c/member';
import { requestHttp } from '@mom4c/runtime';
import { serverMechanisms } from '@mom4c/xmpp';
import type { Found } from './examination.ts';
import type { Own } from './own-checks.ts';
import { describeTls, tlsFacts } from './tls-facts.ts';

/** By the way that the settings say, and no other. A client that logs in by password shows no certificate. */
export async function checkXmpp(own: Own, signal: AbortSignal): Promise<Found<undefined>> {
  const { domain, xmpp } = own.settings;
  const byPassword = xmpp.passwordFile !== undefined;
  const tls = byPassword ? { ca: own.tls.ca } : own.tls;
  const [wanted, way] = byPassword ? ['SCRAM-SHA-256', 'password'] : ['EXTERNAL', 'certificate'];
  const endpoint = { ...xmpp, domain };
  const facts = await tlsFacts(
    { ...xmpp, ...tls, servername: domain, ALPNProtocols: ['xmpp-client'] },
    signal,
    'M4C_XMPP_UNREACHABLE',
  );
  const mechanisms = await serverMechanisms(endpoint, tls, { log: silentLog, clock: systemClock, signal });
  if (!mechanisms.includes(wanted))
    throw new Mom4cError(
      'M4C_XMPP_LOGIN',
      `it offers ${mechanisms.join(', ') || 'nothing'}, and no log-in by ${way} (${wanted})`,
    );
  const { says, warn } = describeTls(facts);
  return { says: `${says}; log-in by ${mechanisms.join(', ')}`, value: undefined, warn };
}

/** The directory, and whether it shows our certificate. */
export async function checkDirectory(own: Own, signal: AbortSignal): Promise<Found<boolean>> {
  const { settings, keystore, tls } = own;
  const { hostname, port } = new URL(settings.directory.url);
  const facts = await tlsFacts(
    { host: hostname, port: Number(port || 636), ...tls },
    signal,
    'M4C_DIRECTORY_UNREACHABLE',
  );
  const { certificate, key, authority } = keystore;
  const directory = createLdapDirectory({
    ...settings.directory,
    authority,
    identity: { certificate, key },
    clock: systemClock,
    log: silentLog,
  });
  try {
    const found = await directory.fetch(certificate.issuer, certificate.serial);
    return { ...describeTls(facts), value: found?.fingerprint === certificate.fingerprint };
  } finally {
    await directory.close();
  }
}

export async function checkPublished(isPublished: boolean): Promise<Found<undefined>> {
  if (!isPublished) throw new Mom4cError('M4C_NOT_PUBLISHED');
  return { says: 'the directory shows our certificate', value: undefined };
}

export async function checkScep({ settings, keystore }: Own, signal: AbortSignal): Promise<Found<undefined>> {
  const { url } = settings.authority;
  // The authority that has issued our certificate; whether that is the configured one is another line.
  await fetchAuthority({ url, fingerprint: keystore.authority.fingerprint, signal });
  return { says: 'it serves the certificate of the authority', value: undefined };
}

export async function checkAdminService(
  { settings, tls }: Own,
  signal: AbortSignal,
): Promise<Found<undefined>> {
  if (settings.admin === undefined) return { says: 'none is configured', skipped: true };
  const { hostname, port } = new URL(settings.admin.url);
  const facts = await tlsFacts(
    { host: hostname, port: Number(port || 443), ...tls },
    signal,
    'M4C_CA_UNREACHABLE',
  );
  return { ...describeTls(facts), value: undefined };
}

/** Receivers accept what is at most 10 s ahead: of us where our clock is fast, of others by us where it is slow. */
const FAIL_MS = 8_000;
/** HTTP tells whole seconds. */
const WARN_MS = 3_000;

const TIME_LIMIT_MS = 4_000;

/** Against the certificate authority, by plain HTTP: good enough to say why others refuse us, and not used for more. */
export async function checkClock({ authority }: AdminSettings): Promise<Found<undefined>> {
  const ahead = await aheadOf(new URL(`${authority.url}?operation=GetCACaps`)).catch(() => undefined);
  if (ahead === undefined)
    return {
      says: 'the certificate authority told no time',
      value: undefined,
      warn: { remedy: 'See the line of scep.' },
    };
  const says = `${(Math.abs(ahead) / 1000).toFixed(0)} s ${ahead < 0 ? 'behind' : 'ahead of'} the certificate authority`;
  if (Math.abs(ahead) > FAIL_MS) throw new Mom4cError('M4C_CLOCK', says);
  if (Math.abs(ahead) > WARN_MS)
    return {
      says,
      value: undefined,
      warn: { remedy: 'Let the clocks be set by NTP (timedatectl set-ntp true).' },
    };
  return { says: 'agrees with the certificate authority', value: undefined };
}

/** @returns milliseconds; undefined if the server says no usable time */
function aheadOf(url: URL): Promise<number | undefined> {
  const begun = Date.now();
  return new Promise((resolve, reject) => {
    const options = { agent: false, signal: AbortSignal.timeout(TIME_LIMIT_MS) } as const;
    const request = (url.protocol === 'https:' ? httpsRequest : requestHttp)(url, options, (response) => {
      const server = Date.parse(response.headers.date ?? '');
      response.destroy();
      // It is told in whole seconds, rounded down, at some moment between.
      resolve(Number.isNaN(server) ? undefined : (begun + Date.now()) / 2 - (server + 500));
    });
    request.on('error', reject);
    request.end();
  });
}
