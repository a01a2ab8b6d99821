/** Of XEP-0198 what two servers need to notice that the other is frozen: `<r/>` and `<a/>`. Nothing is resumed, and what was
 *  not confirmed is not sent again. */
import type { Clock } from '@mom4c/core';
import { keepAlive } from './keep-alive.ts';
import { NS_MANAGEMENT } from './namespaces.ts';
import type { XmlLink } from './xml-link.ts';
import { Mom4cError } from '@mom4c/core';

export const MANAGEMENT_FEATURE = `<sm xmlns='${NS_MANAGEMENT}'/>`;
export const MANAGEMENT_ENABLE = `<enable xmlns='${NS_MANAGEMENT}'/>`;
export const MANAGEMENT_ENABLED = `<enabled xmlns='${NS_MANAGEMENT}'/>`;
const REQUEST = `<r xmlns='${NS_MANAGEMENT}'/>`;

/** §4: how many stanzas have been handled, modulo 2^32. */
export function managementAnswer(handled: number): string {
  return `<a xmlns='${NS_MANAGEMENT}' h='${handled % 2 ** 32}'/>`;
}

/** Ends the link if the peer no longer answers. */
export function askWhenSilent(link: XmlLink, clock: Clock): void {
  const silent = {
    get lastHeard() {
      return link.lastHeard;
    },
    destroy: () => link.destroy(new Mom4cError('M4C_PARTNER_STREAM', 'the peer has gone silent')),
  };
  const stop = keepAlive(silent, clock, () => {
    link.write(REQUEST).catch(() => {});
  });
  void link.closed.then(stop);
}
