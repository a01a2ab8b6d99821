/**
 * Whom the adapter answers, and how often: people of one host, each within his share. The server vouches for where a
 * request comes from; nothing else of it is believed.
 */
import { Mom4cError, bareJid, parseJid } from '@mom4c/core';
import type { BareJid, Clock } from '@mom4c/core';
import type { AdHocHost, Element, RequestHandler } from '@mom4c/xmpp';

/** Requests of one person that are worked on at once; those of all together take turns. */
export const MAX_AT_ONCE = 4;
/** Requests of one person in a row, and how many more each second. */
export const BURST = 40;
export const PER_SECOND = 5;

/** @param onRefused gets each refusal, for log and metrics */
export function frontDesk(
  host: AdHocHost,
  people: string,
  clock: Pick<Clock, 'monotonic'>,
  onRefused: (error: Mom4cError, from: string) => void,
): AdHocHost {
  const shares = new Shares(clock);
  const guarded =
    (handler: RequestHandler): RequestHandler =>
    async (request) => {
      try {
        const leave = shares.enter(personIn(request.from, people));
        try {
          const answer = await handler(request);
          // What the protocol itself refuses, an execution of somebody else's for example, is said by an element.
          if (answer?.name === 'error') onRefused(protocolFault(answer), request.from);
          return answer;
        } finally {
          leave();
        }
      } catch (thrown) {
        if (thrown instanceof Mom4cError) onRefused(thrown, request.from);
        throw thrown;
      }
    };
  return { domain: host.domain, onRequest: (kind, handler) => host.onRequest(kind, guarded(handler)) };
}

function protocolFault(error: Element): Mom4cError {
  return new Mom4cError('M4C_UNEXPECTED', error.getChildElements().at(-1)?.name);
}

/** @throws Mom4cError M4C_FORBIDDEN */
function personIn(from: string, people: string): BareJid {
  if (!from.includes('@') || parseJid(from).domain !== people)
    throw new Mom4cError('M4C_FORBIDDEN', `this is for people of ${people}`);
  return bareJid(from);
}

type Share = { atOnce: number; left: number; at: number };

class Shares {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #shares = new Map<BareJid, Share>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** @returns to be called when the request is done @throws Mom4cError M4C_BUSY */
  enter(person: BareJid): () => void {
    const now = this.#clock.monotonic();
    const share = this.#shareOf(person, now);
    share.left = Math.min(BURST, share.left + ((now - share.at) / 1_000) * PER_SECOND);
    share.at = now;
    if (share.atOnce >= MAX_AT_ONCE)
      throw new Mom4cError('M4C_BUSY', `at most ${MAX_AT_ONCE} requests of a person at once`);
    if (share.left < 1)
      throw new Mom4cError('M4C_BUSY', `at most ${PER_SECOND} requests of a person in a second`);
    share.left -= 1;
    share.atOnce += 1;
    return () => {
      share.atOnce -= 1;
    };
  }

  #shareOf(person: BareJid, now: number): Share {
    const known = this.#shares.get(person);
    if (known) return known;
    // A share that is whole again says as little as none.
    const rested = ({ atOnce, at }: Share): boolean =>
      atOnce === 0 && now - at > (BURST / PER_SECOND) * 1_000;
    for (const [other, share] of this.#shares) if (rested(share)) this.#shares.delete(other);
    const fresh = { atOnce: 0, left: BURST, at: now };
    this.#shares.set(person, fresh);
    return fresh;
  }
}
