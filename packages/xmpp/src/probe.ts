/** What a server offers before log-in, for who wants to know why one fails. */
import { Mom4cError, type Clock, type Log } from '@mom4c/core';
import { within } from './stream-limit.ts';
import { createStream } from './stream.ts';
import { tlsOptions, type ClientTls, type Endpoint } from './tls.ts';

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const LIMIT_MS = 10_000;
const MAX_MECHANISMS = 32;

/** @returns the SASL mechanisms that it offers to us, such as EXTERNAL
 *  @throws Mom4cError M4C_XMPP_UNREACHABLE, M4C_XMPP_LOGIN (it refuses the certificate), M4C_TLS */
export async function serverMechanisms(
  endpoint: Endpoint,
  tls: ClientTls | Pick<ClientTls, 'ca'>,
  { log, clock, signal }: { log: Log; clock: Clock; signal: AbortSignal },
): Promise<string[]> {
  const stream = createStream({ domain: endpoint.domain, tls: tlsOptions(endpoint, tls), log, clock });
  try {
    const features = await within({ ms: LIMIT_MS, clock, signal, what: 'looking' }, stream, () =>
      stream.open(),
    );
    const offered = features.getChild('mechanisms', NS_SASL)?.getChildren('mechanism') ?? [];
    const names = offered.slice(0, MAX_MECHANISMS).map((mechanism) => mechanism.text().trim());
    const wrong = names.find((name) => !/^[A-Z0-9_-]{1,20}$/.test(name));
    if (wrong !== undefined)
      throw new Mom4cError('M4C_MALFORMED', 'a mechanism that RFC 4422 does not allow');
    return names;
  } finally {
    await stream.close();
  }
}
