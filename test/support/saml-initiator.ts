/**
 * A partner by hand: it opens a stream to a real gateway with the certificate and key of its domain's own gateway, speaks TLS and
 * SAML20 as ours does, and brings to the gateway's authentication agent whatever answer it is told to bring.
 */
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { systemClock, systemRandom, type Log } from '@mom4c/core';
import type { Lab, LabDomain } from '@mom4c/lab';
import {
  PAOS_HEADER,
  PAOS_MEDIA_TYPE,
  readAuthnRequest,
  readIdpAnswer,
  readPaosRequest,
  readRedirect,
  writeIdpRequest,
  writePaosResponse,
  type AuthnRequest,
} from '@mom4c/saml';
import { connectS2s, type S2sStream } from '@mom4c/xmpp';
import { nextLoopbackAddress } from './https-ask.ts';

export type Answered = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
};

/** What the agent of the partner wants to have answered, for one stream that waits. */
export type Challenge = {
  readonly url: string;
  readonly request: AuthnRequest;
  readonly relayState: string;
  /** Posts it as a form. @param to its consumer by default */
  bring(response: string, to?: string): Promise<Answered>;
};

export type Initiator = {
  /**
   * @param answer at the URL of the challenge; then the stream waits for its verdict
   * @returns the stream, authenticated. @throws Mom4cError
   */
  logIn(answer: (url: string) => Promise<unknown>): Promise<S2sStream>;
};

const silent: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silent,
} as unknown as Log;

/** @param own as whom it comes. @param idp entity id. @param credentials of its gateway by default */
export function createInitiator(
  own: LabDomain,
  partner: LabDomain,
  idp: string,
  credentials = credentialsOf(own),
): Initiator {
  return {
    async logIn(answer) {
      const ending = new AbortController();
      let answering: Promise<unknown> | undefined;
      const stream = await connectS2s({
        pair: { local: own.name, remote: partner.name },
        address: { host: '127.0.0.1', port: partner.gateway.s2sPort },
        policy: { tls: 'direct', minVersion: 'TLSv1.3', verify: () => {}, authentication: 'SAML20' },
        credentials,
        saml: {
          idp,
          async logIn({ url }) {
            answering = answer(url);
            await answering;
          },
        },
        log: silent,
        clock: systemClock,
        random: systemRandom,
        signal: ending.signal,
      });
      // The verdict does not wait for what else it does there.
      await answering;
      return stream;
    },
  };
}

/** As a browser: the redirect to the identity provider, which is not asked. */
export async function challengeAt(url: string): Promise<Challenge> {
  const { headers } = await ask(url);
  const { request: xml, relayState = '' } = readRedirect(headers.location ?? '');
  const asked = readAuthnRequest(xml);
  return {
    url,
    request: asked,
    relayState,
    bring: (response, to = asked.consumerUrl) => post(to, response, relayState),
  };
}

/** What an identity provider is asked with, and where: its address for ECP. */
export type Account = { readonly sso: string; readonly user: string; readonly password: string };

export function accountOf({ federation }: Pick<Lab, 'federation'>, domain: string): Account {
  const { passwordFile } = federation.account(domain);
  return { sso: federation.idp.sso, user: domain, password: readFileSync(passwordFile, 'utf8').trimEnd() };
}

/**
 * As a client of ECP: has the request answered by the real identity provider, and brings that to the agent.
 * @param url of a challenge. @param change what is done to the response on its way
 */
export async function answerByIdp(
  url: string,
  { sso, user, password }: Account,
  change: (response: string) => string = (response) => response,
): Promise<Answered> {
  const offer = await ask(url, { accept: PAOS_MEDIA_TYPE, paos: PAOS_HEADER });
  const { request: asked, consumerUrl, relayState } = readPaosRequest(offer.text);
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const answer = await ask(sso, { authorization, 'content-type': 'text/xml' }, writeIdpRequest(asked));
  const response = change(readIdpAnswer(answer.text).response);
  return ask(consumerUrl, { 'content-type': PAOS_MEDIA_TYPE }, writePaosResponse({ response, relayState }));
}

/** As a browser sends the form of an identity provider. */
export function post(url: string, response: string, relayState: string): Promise<Answered> {
  const form = new URLSearchParams({
    SAMLResponse: Buffer.from(response, 'utf8').toString('base64'),
    RelayState: relayState,
  });
  return ask(url, { 'content-type': 'application/x-www-form-urlencoded' }, form.toString());
}

/** Follows nothing, looks at no certificate; each time from another address. */
export function ask(
  url: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const options = {
      method,
      headers,
      agent: false,
      rejectUnauthorized: false,
      localAddress: nextLoopbackAddress(),
    };
    const asking = request(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
      response.on('error', reject);
    });
    asking.on('error', reject);
    asking.end(body);
  });
}

/** PEM, as the configuration of its gateway names them. */
export function credentialsOf({ gateway }: LabDomain): { cert: string; key: string } {
  const text = readFileSync(gateway.config, 'utf8');
  const s2s = text.slice(text.search(/^"?s2s"?:/m));
  const read = (name: string): string => {
    const found = new RegExp(`"?${name}"?: *"?([^"\\n,}]+)"?`).exec(s2s)?.[1];
    if (found === undefined) throw new Error(`${gateway.config} has no ${name}`);
    return readFileSync(found.trim(), 'utf8');
  };
  return { cert: read('certFile'), key: read('keyFile') };
}
