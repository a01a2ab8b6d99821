/**
 * Cookies of one origin (RFC 6265 §5), and of no other: a `Domain` does not widen them, it is not even read.
 * All is HTTPS here, so `Secure` is always met; `HttpOnly` and `SameSite` are for browsers that run scripts of others.
 */
import type { Clock } from '@mom4c/core';

type Cookie = {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  /** Milliseconds; undefined: as long as the session. */
  readonly expires: number | undefined;
};

export type CookieJar = {
  /** Takes what an answer from `url` sets; what is malformed, too long or from elsewhere is dropped. */
  take(url: URL, setCookies: readonly string[]): void;
  /** For a request to `url`. */
  header(url: URL): string | undefined;
  readonly isEmpty: boolean;
};

const MAX_COOKIES = 50;
const MAX_CHARACTERS = 4096;
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;
/** As RFC 6265 §4.1.1 has it, with the spaces and commas that servers set nevertheless. */
const VALUE = /^[\x20-\x3a\x3c-\x7e]*$/;

export function createCookieJar(origin: string, clock: Pick<Clock, 'now'>): CookieJar {
  /** By name and path. */
  const cookies = new Map<string, Cookie>();

  function dropOld(): void {
    for (const [key, { expires }] of cookies)
      if (expires !== undefined && expires <= clock.now()) cookies.delete(key);
  }

  return {
    take(url, setCookies) {
      if (url.origin !== origin) return;
      for (const text of setCookies.slice(0, MAX_COOKIES)) {
        const cookie = parse(text, url, clock.now());
        if (!cookie) continue;
        const key = `${cookie.name};${cookie.path}`;
        cookies.delete(key);
        cookies.set(key, cookie);
      }
      dropOld();
      for (const key of cookies.keys()) if (cookies.size > MAX_COOKIES) cookies.delete(key);
    },
    header(url) {
      if (url.origin !== origin) return undefined;
      dropOld();
      const sent = [...cookies.values()]
        .filter(({ path }) => matches(url.pathname, path))
        .sort((one, other) => other.path.length - one.path.length);
      return sent.length === 0 ? undefined : sent.map(({ name, value }) => `${name}=${value}`).join('; ');
    },
    get isEmpty() {
      dropOld();
      return cookies.size === 0;
    },
  };
}

/** RFC 6265 §5.2. */
function parse(text: string, url: URL, now: number): Cookie | undefined {
  if (text.length > MAX_CHARACTERS) return undefined;
  const [pair = '', ...attributes] = text.split(';');
  const [name, value] = splitAt(pair);
  if (value === undefined || !NAME.test(name) || !VALUE.test(value)) return undefined;
  let path = defaultPath(url.pathname);
  let expires: number | undefined;
  let maxAge: number | undefined;
  for (const attribute of attributes) {
    const [key, given = ''] = splitAt(attribute);
    const word = key.toLowerCase();
    if (word === 'path')
      path = given.startsWith('/') && VALUE.test(given) ? given : defaultPath(url.pathname);
    if (word === 'expires') expires = Date.parse(given) || undefined;
    if (word === 'max-age' && /^-?\d{1,12}$/.test(given)) maxAge = now + Number(given) * 1000;
  }
  return { name, value, path, expires: maxAge ?? expires };
}

function splitAt(pair: string): [string, string | undefined] {
  const at = pair.indexOf('=');
  return at < 0 ? [pair.trim(), undefined] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
}

/** RFC 6265 §5.1.4. */
function defaultPath(path: string): string {
  const end = path.lastIndexOf('/');
  return end <= 0 ? '/' : path.slice(0, end);
}

function matches(path: string, cookiePath: string): boolean {
  if (path === cookiePath) return true;
  return path.startsWith(cookiePath) && (cookiePath.endsWith('/') || path[cookiePath.length] === '/');
}
