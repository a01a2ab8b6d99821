/** In-band registration (XEP-0077) over TLS, before log-in and without a client certificate. */
import { Mom4cError, systemClock, type Clock, type Log } from '@mom4c/core';
import { xml } from './element.ts';
import { describeStanzaError } from './stanza-error.ts';
import { within } from './stream-limit.ts';
import { createStream, type XmlStream } from './stream.ts';
import { tlsOptions, type Endpoint } from './tls.ts';

const NS_REGISTER = 'jabber:iq:register';
const LIMIT_MS = 20_000;

export type Registration = Endpoint & {
  /** PEM of the authority that the server's certificate must come from. */
  readonly tls: { readonly ca: string };
  readonly username: string;
  readonly password: string;
  readonly log: Log;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
};

/** Makes an account, once; trying again is the caller's affair.
 *  @throws Mom4cError M4C_REGISTRATION (refused), M4C_XMPP_UNREACHABLE, M4C_TLS */
export async function registerAccount(registration: Registration): Promise<'created' | 'exists'> {
  const { domain, tls, log, clock = systemClock } = registration;
  // Exactly the authority: `tls` may be an object with more in it.
  const options = tlsOptions(registration, { ca: tls.ca });
  const stream = createStream({ domain, tls: options, log, clock });
  const limit = { ms: LIMIT_MS, clock, signal: registration.signal, what: 'registration' };
  try {
    return await within(limit, stream, () => exchange(stream, registration));
  } finally {
    await stream.close();
  }
}

async function exchange(
  stream: XmlStream,
  { domain, username, password }: Registration,
): Promise<'created' | 'exists'> {
  // Whether the feature is announced is not asked: XEP-0077 §8 leaves that open to the server.
  await stream.open();
  const fields = [xml('username', {}, username), xml('password', {}, password)];
  const query = xml('query', { xmlns: NS_REGISTER }, ...fields);
  await stream.send(xml('iq', { type: 'set', id: 'register', to: domain }, query));
  const answer = await stream.next();
  if (!answer.is('iq') || answer.attrs.id !== 'register')
    throw new Mom4cError('M4C_REGISTRATION', 'no answer to the registration');
  if (answer.attrs.type === 'result') return 'created';
  const { condition } = describeStanzaError(answer);
  if (condition === 'conflict') return 'exists';
  throw new Mom4cError('M4C_REGISTRATION', condition);
}
