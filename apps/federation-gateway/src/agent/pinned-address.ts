/** Is it the place that is pinned? Compared before anything is sent there. */
import { Mom4cError } from '@mom4c/core';

/** Of a redirect with a request in it. */
const MAX_CHARACTERS = 8192;
/** Encoded dots and slashes, which some servers undo after the comparison. */
const AMBIGUOUS = /%2e|%2f|%5c/i;

/** A URL below `prefix`, which ends in a slash. @throws Mom4cError M4C_AGENT_ADDRESS */
export function below(prefix: string, text: string, what: string): URL {
  const url = parse(text, what);
  const pinned = new URL(prefix);
  if (url.origin !== pinned.origin || !url.pathname.startsWith(pinned.pathname)) throw elsewhere(what, url);
  return url;
}

/** The URL itself, whatever its query. @throws Mom4cError M4C_AGENT_ADDRESS */
export function at(pinned: string, text: string, what: string): URL {
  const url = parse(text, what);
  const known = new URL(pinned);
  if (url.origin !== known.origin || url.pathname !== known.pathname) throw elsewhere(what, url);
  return url;
}

/** The very text. @throws Mom4cError M4C_AGENT_ADDRESS */
export function same(pinned: string, text: string, what: string): void {
  if (text !== pinned) throw new Mom4cError('M4C_AGENT_ADDRESS', `${what} is not that of the partner`);
}

function parse(text: string, what: string): URL {
  const url = text.length > MAX_CHARACTERS ? null : URL.parse(text);
  const isPlain = url?.protocol === 'https:' && url.username === '' && url.password === '' && url.hash === '';
  if (!isPlain || AMBIGUOUS.test(url.pathname))
    throw new Mom4cError('M4C_AGENT_ADDRESS', `${what} is no plain https URL`);
  return url;
}

function elsewhere(what: string, { host }: URL): Mom4cError {
  return new Mom4cError('M4C_AGENT_ADDRESS', `${what} leads to ${host}, not to where it is pinned`);
}
