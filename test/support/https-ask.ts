/** One request by HTTPS as anybody may send it: no redirect is followed, and no certificate looked at unless asked. */
import type { IncomingHttpHeaders } from 'node:http';
import { type Agent, request } from 'node:https';

let asked = 0;

/** An address of this machine, another one each time: agents count requests by address. */
export function nextLoopbackAddress(): string {
  asked += 1;
  return `127.0.${2 + (Math.floor(asked / 250) % 250)}.${1 + (asked % 250)}`;
}

export type Asked = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string };

export function ask(
  url: string,
  options: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string | Uint8Array;
    /** As it stands in the request line; default: that of the URL. */
    readonly path?: string;
    /** For many requests; default: a connection for each, from an address of its own. */
    readonly agent?: Agent;
  } = {},
): Promise<Asked> {
  const { body, method = body === undefined ? 'GET' : 'POST', headers = {}, path, agent = false } = options;
  return new Promise((resolve, reject) => {
    const asking = request(
      url,
      {
        method,
        headers,
        agent,
        rejectUnauthorized: false,
        ...(agent === false && { localAddress: nextLoopbackAddress() }),
        ...(path !== undefined && { path }),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        );
        response.on('error', reject);
      },
    );
    asking.on('error', reject);
    asking.end(body);
  });
}
