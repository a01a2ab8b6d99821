/** What partners and identity providers say to the user's side of a log-in: where to go on, and which cookies to show. */
import { validateHeaderValue } from 'node:http';
import { createCookieJar } from '../../../apps/federation-gateway/src/agent/cookie-jar.ts';
import { at, below } from '../../../apps/federation-gateway/src/agent/pinned-address.ts';
import { NOW } from '../constants.ts';
import { Finding, type Target } from '../target.ts';
import { verdictOf } from '../verdict.ts';

const ORIGIN = 'https://idp.test';
const [PAGE, ELSEWHERE] = [new URL(`${ORIGIN}/sso/page`), new URL('https://idp.test:444/sso/page')];
const MAX_COOKIES = 50;

/** One Set-Cookie a line. */
export const cookieJar: Target = {
  name: 'cookie-jar',
  grammar: 'text',
  weight: 8,
  seeds: [
    'session=abc; Path=/; Secure; HttpOnly; SameSite=None\nother=1; Max-Age=60',
    'a=b; Expires=Mon, 01 Jun 2026 13:00:00 GMT; Path=/sso\na=; Max-Age=0; Path=/\n$x="quoted, value"',
    'a=1; Domain=test\na=2; Path=/sso/page\na=3; path=/other\nlong=c',
  ].map((text) => Buffer.from(text)),
  run(input) {
    // HTTP hands the octets of a header on as Latin-1.
    const lines = Buffer.from(input).toString('latin1').split('\n');
    const jar = createCookieJar(ORIGIN, { now: () => NOW });
    jar.take(ELSEWHERE, lines);
    if (!jar.isEmpty) throw new Finding('cookies of another origin were taken');
    jar.take(PAGE, lines);
    const header = jar.header(PAGE);
    if (jar.header(ELSEWHERE) !== undefined) throw new Finding('cookies are shown to another origin');
    if (header === undefined) return 'refused';
    validateHeaderValue('cookie', header);
    if (header.split(';').length > MAX_COOKIES) throw new Finding('more cookies than allowed');
    if (!header.split('; ').every((pair) => pair.includes('='))) throw new Finding('a cookie without a name');
    return 'accepted';
  },
  costly: ['a=1;', 'a=1;path=/', 'a=1;expires=x', '=', ';'].map(
    (part) => (size) => Buffer.from(part.repeat(Math.ceil(size / part.length))),
  ),
};

const AGENT = 'https://gw.beta.test:8443/saml/log-in/';

export const challengeAddress: Target = {
  name: 'challenge-address',
  grammar: 'text',
  weight: 8,
  seeds: [`${AGENT}${'a'.repeat(43)}`, `${AGENT}x?y=%2e%2e`, AGENT].map((text) => Buffer.from(text)),
  run(input) {
    const text = Buffer.from(input).toString();
    const verdict = verdictOf(() => check(below(AGENT, text, 'it')), ['M4C_AGENT_ADDRESS']);
    verdictOf(() => {
      if (check(at(AGENT, text, 'it')).pathname !== new URL(AGENT).pathname)
        throw new Finding('another path');
    }, ['M4C_AGENT_ADDRESS']);
    return verdict;
  },
};

/** Also as a server reads it that undoes what is encoded. */
function check(url: URL): URL {
  const pinned = new URL(AGENT);
  if (url.origin !== pinned.origin || url.username !== '' || url.password !== '' || url.hash !== '')
    throw new Finding(`leads to ${url.href}`);
  const decoded = url.pathname.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const path = new URL(decoded.replaceAll('\\', '/'), pinned.origin).pathname;
  if (!decoded.startsWith(pinned.pathname) || !path.startsWith(pinned.pathname))
    throw new Finding(`leads out of the agent: ${url.pathname}`);
  return url;
}
