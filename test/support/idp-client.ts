/** Logs in at an identity provider as the simplest program would: for tests of the provider itself. */
import type { IncomingHttpHeaders } from 'node:http';
import {
  type Assertion,
  readForms,
  readIdpAnswer,
  readMetadata,
  readResponse,
  redirectUrl,
  writeAuthnRequest,
  writeIdpRequest,
} from '@mom4c/saml';
import type { GatewayDescriptor } from '@mom4c/saml';
import { ask, type Asked } from './https-ask.ts';

export type IdpClient = {
  /** SAML profiles §4.2. @param password undefined: shows its session only. @throws Mom4cError as `readResponse` */
  ecp(party: GatewayDescriptor, password?: string): Promise<Assertion>;
  /** With pages and cookies. @throws Mom4cError as `readResponse`; Error with status and title of another page */
  form(party: GatewayDescriptor, password?: string): Promise<Assertion>;
};

export type IdpPlace = {
  readonly sso: string;
  /** The signed metadata, as they are now, and who signs them. */
  readonly metadata: () => string;
  readonly signer: string;
};

const SKEW_MS = 10_000;
let requests = 0;

/** Cookies last as long as the client. */
export function createIdpClient(user: string, place: IdpPlace): IdpClient {
  const cookies = new Map<string, string>();

  function take(headers: IncomingHttpHeaders): void {
    for (const line of headers['set-cookie'] ?? []) {
      const [name = '', value = ''] = line.split(';')[0]!.split(/=(.*)/s);
      cookies.set(name, value);
    }
  }

  async function send(url: string, headers: Record<string, string>, body?: string): Promise<Asked> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await ask(url, {
      headers: { ...headers, ...(cookie !== '' && { cookie }) },
      ...(body !== undefined && { body }),
    });
    take(answer.headers);
    return answer;
  }

  function requestOf(party: GatewayDescriptor, binding: 'post' | 'paos') {
    const id = `_request${(requests += 1)}`;
    const consumerUrl = party.consumerUrls[binding];
    const request = {
      id,
      issueInstant: Date.now(),
      issuer: party.entityId,
      destination: place.sso,
      consumerUrl,
      binding,
    };
    const judge = (response: string): Assertion =>
      readResponse(response, {
        idps: readMetadata(place.metadata(), { signers: [place.signer], now: Date.now() }).idps,
        audience: party.entityId,
        recipients: [consumerUrl],
        requestId: id,
        now: Date.now(),
        skewMs: SKEW_MS,
      });
    return { xml: writeAuthnRequest(request), judge };
  }

  return {
    async ecp(party, password) {
      const { xml, judge } = requestOf(party, 'paos');
      const basic = Buffer.from(`${user}:${password}`).toString('base64');
      const headers = {
        'content-type': 'text/xml',
        ...(password !== undefined && { authorization: `Basic ${basic}` }),
      };
      const { text } = await send(place.sso, headers, writeIdpRequest(xml));
      return judge(readIdpAnswer(text).response);
    },
    async form(party, password) {
      const { xml, judge } = requestOf(party, 'post');
      let at = redirectUrl(place.sso, xml, 'state');
      const go = async (url: string, headers: Record<string, string>, body?: string): Promise<Asked> => {
        at = url;
        const got = await send(url, headers, body);
        return got.headers.location === undefined ? got : go(got.headers.location, {});
      };
      let answer = await go(at, {});
      const page = readForms(answer.text)[0];
      if (page?.logIn && password !== undefined) {
        const fields = { ...page.fields, [page.logIn.user]: user, [page.logIn.password]: password };
        const type = { 'content-type': 'application/x-www-form-urlencoded' };
        const url = page.action === '' ? at : new URL(page.action, at).href;
        answer = await go(url, type, new URLSearchParams(fields).toString());
      }
      const response = readForms(answer.text).find(({ fields }) => fields.SAMLResponse !== undefined);
      if (!response) throw new Error(`no assertion, but ${answer.status} and ${titleOf(answer.text)}`);
      return judge(Buffer.from(response.fields.SAMLResponse!, 'base64').toString());
    },
  };
}

function titleOf(html: string): string {
  return /<title>([^<]*)/.exec(html)?.[1]?.trim() ?? 'no page';
}
