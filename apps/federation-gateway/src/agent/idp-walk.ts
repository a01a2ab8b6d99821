/** Walks to the identity provider with a request, and back with its answer: by ECP, or by its pages. */
import { Mom4cError } from '@mom4c/core';
import {
  type Form,
  hintsOf,
  readForms,
  readIdpAnswer,
  type ResponseHints,
  writeIdpRequest,
} from '@mom4c/saml';
import type { CookieJar } from './cookie-jar.ts';
import type { Faults, HttpsAnswer, HttpsClient, HttpsRequest, Trust } from './https-client.ts';
import type { Answered } from './idp-session.ts';
import type { IdpCredentials } from './log-in-settings.ts';

type Way = { readonly https: HttpsClient; readonly trust: Trust; readonly signal: AbortSignal };

export type EcpAsk = Way & {
  readonly endpoint: URL;
  /** The AuthnRequest. */
  readonly request: string;
  /** Where the assertion is to go: the identity provider must say the same. */
  readonly consumerUrl: string;
};

export type FormAsk = Way & { readonly start: URL; readonly consumerUrl: string };

/** Fields of the form that brings the assertion. */
export type FormAnswer = { readonly SAMLResponse: string; readonly RelayState?: string };

const FORM_TYPE = 'application/x-www-form-urlencoded';
const MAX_STEPS = 10;
/** SimpleSAMLphp says no more than the second for a wrong password, and for none. */
const LOG_IN_FAILED = ['AuthnFailed', 'Responder'];
/** The last two from a web server that wants a certificate. */
const PAGES_WANT_CREDENTIALS = [401, 400, 403];
const FAULTS: Faults = {
  what: 'identity provider',
  unreachable: 'M4C_IDP_UNREACHABLE',
  untrusted: 'M4C_IDP_UNREACHABLE',
  answer: 'M4C_IDP_ANSWER',
};

/** SAML profiles §4.2.3.3 to §4.2.3.5. As `Walk` of idp-session.ts. */
export async function walkEcp(
  { endpoint, request, consumerUrl, https, trust, signal }: EcpAsk,
  jar: CookieJar,
  credentials: IdpCredentials | undefined,
): Promise<Answered<string> | undefined> {
  const cookie = jar.header(endpoint);
  const answer = await https(
    {
      url: endpoint,
      headers: { ...(cookie !== undefined && { cookie }), ...basic(credentials) },
      body: { type: 'text/xml', text: writeIdpRequest(request) },
      trust,
      faults: FAULTS,
    },
    signal,
  );
  jar.take(endpoint, answer.cookies);
  if (answer.status !== 200) return refusal(answer, credentials, [401]);
  const { response, consumerUrl: named } = readIdpAnswer(answer.text);
  if (named !== consumerUrl)
    throw new Mom4cError(
      'M4C_AGENT_ADDRESS',
      'the identity provider knows another consumer of the assertion',
    );
  return judge(response, hintsOf(response), credentials);
}

/** Redirects, cookies, log-in form, and the form that a browser's script would send. As `Walk` of idp-session.ts. */
export async function walkForms(
  { start, consumerUrl, https, trust, signal }: FormAsk,
  jar: CookieJar,
  credentials: IdpCredentials | undefined,
): Promise<Answered<FormAnswer> | undefined> {
  let next: Pick<HttpsRequest, 'url' | 'body'> = { url: start };
  let sent = false;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    if (next.url.origin !== start.origin)
      throw new Mom4cError('M4C_IDP_ANSWER', `it leads on to ${next.url.host}`);
    const cookie = jar.header(next.url);
    const answer = await https(
      {
        ...next,
        headers: { accept: 'text/html', ...(cookie !== undefined && { cookie }) },
        trust,
        client: credentials?.method === 'certificate' ? credentials : undefined,
        faults: FAULTS,
      },
      signal,
    );
    jar.take(next.url, answer.cookies);
    if (answer.location) {
      next = { url: answer.location };
      continue;
    }
    if (answer.status !== 200) return refusal(answer, credentials, PAGES_WANT_CREDENTIALS);
    const forms = readForms(answer.text);
    const responseForm = forms.find(({ fields }) => Object.hasOwn(fields, 'SAMLResponse'));
    if (responseForm) {
      if (responseForm.action !== consumerUrl || responseForm.method !== 'post')
        throw new Mom4cError(
          'M4C_AGENT_ADDRESS',
          'the identity provider sends the assertion to another consumer',
        );
      const { SAMLResponse = '', RelayState } = responseForm.fields;
      const hints = hintsOf(Buffer.from(SAMLResponse, 'base64').toString('utf8'));
      return judge({ SAMLResponse, ...(RelayState !== undefined && { RelayState }) }, hints, credentials);
    }
    const logInForm = forms.find(({ logIn }) => logIn !== undefined);
    if (!logInForm) throw new Mom4cError('M4C_IDP_ANSWER', 'a page without a form that is known');
    if (!credentials) return undefined;
    if (sent) throw new Mom4cError('M4C_IDP_LOGIN', 'it asks for user and password again');
    if (credentials.method === 'certificate') throw new Mom4cError('M4C_IDP_LOGIN', 'it asks for a password');
    next = filled(logInForm, next.url, credentials);
    sent = true;
  }
  throw new Mom4cError('M4C_IDP_ANSWER', `more than ${MAX_STEPS} steps`);
}

/** As a browser sends it when a person has typed both and pressed Enter. */
function filled(
  { action, method, fields, logIn }: Form,
  page: URL,
  { user, password }: { readonly user: string; readonly password: string },
): { url: URL; body: { type: string; text: string } } {
  const url = action === '' ? page : URL.parse(action, page.href);
  // By GET the password would be in an address.
  if (!url || !logIn || method !== 'post')
    throw new Mom4cError('M4C_IDP_ANSWER', 'a log-in form that is not known');
  const sent = { ...fields, ...logIn.button, [logIn.user]: user, [logIn.password]: password };
  return { url, body: { type: FORM_TYPE, text: new URLSearchParams(sent).toString() } };
}

/** RFC 7617. */
function basic(credentials: IdpCredentials | undefined): { authorization?: string } {
  if (!credentials || credentials.method === 'certificate') return {};
  const pair = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
  return { authorization: `Basic ${pair}` };
}

/** Without credentials: does it want them? Nothing else ends the session that all partners share, and nothing but a
 *  refusal of our credentials counts as one: whatever a partner put into the request must not keep us from the others.
 *  @param wants statuses by which it asks for them */
function refusal(
  { status }: HttpsAnswer,
  credentials: IdpCredentials | undefined,
  wants: readonly number[],
): undefined {
  if (!credentials && wants.includes(status)) return undefined;
  if (credentials && status === 401) throw new Mom4cError('M4C_IDP_LOGIN', `it answers ${status}`);
  throw new Mom4cError(
    status === 429 || status >= 500 ? 'M4C_IDP_UNREACHABLE' : 'M4C_IDP_ANSWER',
    `it answers ${status}`,
  );
}

/** As `refusal`. */
function judge<Value>(
  value: Value,
  { success, status, sessionUntil }: ResponseHints,
  credentials: IdpCredentials | undefined,
): Answered<Value> | undefined {
  if (success) return { value, sessionUntil };
  const isLogIn = LOG_IN_FAILED.includes(status);
  if (!credentials && isLogIn) return undefined;
  throw new Mom4cError(isLogIn ? 'M4C_IDP_LOGIN' : 'M4C_IDP_ANSWER', `it answers with the status ${status}`);
}
