/** Orders to the admin service of a certificate authority, as any HTTPS client with a certificate may send them. */
import { request } from 'node:https';
import { toPem } from '@mom4c/pki';
import type { Authority, Identity } from '@mom4c/pki';

export type AdminAnswer = { readonly status: number; readonly body: unknown };

/** @param order POST with a `body` (a text as it is, anything else as JSON), GET without one */
export function orderOf(order: {
  readonly port: number;
  readonly authority: Pick<Authority, 'pem'>;
  /** None: a TLS client without a certificate. */
  readonly identity: Identity | undefined;
  readonly path: string;
  readonly body?: unknown;
  /** The body is held back until this is done; it begins once the service has seen the head of the request. */
  readonly meanwhile?: () => Promise<unknown>;
}): Promise<AdminAnswer> {
  const { port, authority, identity, path, body, meanwhile } = order;
  const credentials = identity && {
    key: identity.key.export({ type: 'pkcs8', format: 'pem' }),
    cert: toPem('CERTIFICATE', identity.certificate.der),
  };
  const method = body === undefined ? 'GET' : 'POST';
  // The service answers 100 in the turn in which it begins with the request (RFC 9110 §10.1.1).
  const headers = meanwhile && { expect: '100-continue' };
  const options = { host: '127.0.0.1', port, path, method, ca: authority.pem, agent: false };
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, ...credentials, headers }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode!, body: JSON.parse(text) as unknown }));
    });
    sent.on('error', reject);
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    if (meanwhile) sent.once('continue', () => void meanwhile().then(() => sent.end(text), reject));
    else sent.end(text);
  });
}
