/** Time limits of what comes before the first stanza, and being called off. */
import { Mom4cError, type Clock } from '@mom4c/core';
import type { XmlLink } from './xml-link.ts';

/** TCP, TLS, or the answer to one message. */
export const STEP_MS = 15_000;
/** From the challenge of SAML20 to the verdict: an identity provider is between them. */
export const VERDICT_MS = 60_000;

export type Phases = {
  /** @param what is waited for; the link is destroyed when it does not come in time, and it is not waited for without the link
   *  @throws Mom4cError M4C_PARTNER_STREAM, or what the work throws */
  wait<Value>(what: string, work: Promise<Value>, ms?: number): Promise<Value>;
};

export function createPhases(link: Pick<XmlLink, 'destroy' | 'closed'>, clock: Clock): Phases {
  return {
    async wait(what, work, ms = STEP_MS) {
      const cancel = clock.after(ms, () =>
        link.destroy(new Mom4cError('M4C_PARTNER_STREAM', `no ${what} in time`)),
      );
      const gone = link.closed.then(({ error }) => Promise.reject(error));
      try {
        return await Promise.race([work, gone]);
      } finally {
        cancel();
      }
    },
  };
}
