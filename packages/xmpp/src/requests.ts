/** Our own IQ requests (RFC 6120 §8.2.3) and their answers. */
import { bareJid, Mom4cError, parseJid, type Clock, type FullJid, type Random } from '@mom4c/core';
import { xml, type Element } from './element.ts';
import type { Incoming } from './incoming.ts';
import { stanzaError } from './stanza-error.ts';

export type RequestOptions = {
  /** Default 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
};

export type Requests = {
  /** @returns the whole `<iq type='result'/>`
   *  @throws Mom4cError the other side's error; M4C_TIMEOUT, M4C_XMPP_OFFLINE, M4C_TOO_LARGE */
  send(to: string, type: 'get' | 'set', child: Element, options?: RequestOptions): Promise<Element>;
  /** An `<iq/>` of type `result` or `error`. @returns false if nobody waits for it */
  answer(stanza: Incoming): boolean;
  /** Rejects all that are pending: their answers, if any, went to a connection that is gone. */
  failAll(): void;
};

const DEFAULT_TIMEOUT_MS = 30_000;

type Pending = { readonly to: string; settle(outcome: Element | Mom4cError): void };

export function createRequests(
  transmit: (stanza: Element) => Promise<void>,
  { jid, clock, random }: { jid: FullJid; clock: Clock; random: Random },
): Requests {
  const pending = new Map<string, Pending>();

  return {
    send(to, type, child, { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = {}) {
      // Not guessable: an answer is taken by id and sender.
      const id = Buffer.from(random.bytes(12)).toString('base64url');
      return new Promise((resolve, reject) => {
        const onAbort = (): void => settle(abortError(signal));
        const stopTimer = clock.after(timeoutMs, () => settle(new Mom4cError('M4C_TIMEOUT', `from ${to}`)));
        function settle(outcome: Element | Mom4cError): void {
          if (!pending.delete(id)) return;
          stopTimer();
          signal?.removeEventListener('abort', onAbort);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        }
        pending.set(id, { to, settle });
        signal?.addEventListener('abort', onAbort, { once: true });
        if (signal?.aborted) return onAbort();
        // The answer may come before the promise of the sending: whichever is first settles, none goes unhandled.
        Promise.try(() => transmit(xml('iq', { to, type, id }, child))).catch((error: unknown) =>
          settle(
            error instanceof Mom4cError
              ? error
              : new Mom4cError('M4C_XMPP_OFFLINE', undefined, { cause: error }),
          ),
        );
      });
    },
    answer({ from, type, element }) {
      const waiting = pending.get(element.attrs.id ?? '');
      if (!waiting || !mayAnswer(from, waiting.to, jid)) return false;
      waiting.settle(type === 'error' ? stanzaError(element) : element);
      return true;
    },
    failAll() {
      for (const one of [...pending.values()])
        one.settle(new Mom4cError('M4C_XMPP_OFFLINE', 'while waiting for an answer'));
    },
  };
}

/** An answer counts only from whom we asked. For the own account the server may answer under several names. */
function mayAnswer(from: string, to: string, own: FullJid): boolean {
  if (from === to) return true;
  const account = bareJid(own);
  return to === account && (from === own || from === parseJid(own).domain);
}

function abortError(signal: AbortSignal | undefined): Mom4cError {
  return signal?.reason instanceof Mom4cError ? signal.reason : new Mom4cError('M4C_TIMEOUT', 'given up');
}
