/**
 * Streams to servers that do not know XEP-0198: whether they are still there is asked by a ping (XEP-0199) from our host to
 * theirs. The answer, or an error, comes by the stream that they have opened to us.
 *
 * INVARIANTS
 * - Asked is where something may be lost: on the stream that is kept, and on others that have carried something since.
 * - While we do not read what the partner says, nobody is given up for saying nothing.
 */
import { Mom4cError, type Clock, type Random } from '@mom4c/core';
import { keepAlive, xml, type Element, type S2sStream } from '@mom4c/xmpp';

export type PeerPings = {
  /** From now on to its end. @param isKept at the time of asking */
  watch(stream: S2sStream, isKept: () => boolean): void;
  /** @param by the stream by which it came @returns was it the answer to a ping? */
  answers(stanza: Element, by: S2sStream): boolean;
};

const NS_PING = 'urn:xmpp:ping';
/** It may have to open its stream to us first. */
const ANSWER_MS = 30_000;

/** @param isHeldUp we do not read all that the partner says */
export function createPeerPings(clock: Clock, random: Random, isHeldUp: () => boolean): PeerPings {
  const series = Buffer.from(random.bytes(8)).toString('hex');
  let count = 0;
  /** By id. */
  const asked = new Map<string, { readonly stream: S2sStream; readonly answered: () => void }>();

  return {
    watch(stream, isKept) {
      const { local, remote } = stream.pair;
      let lastHeard = clock.monotonic();
      let id: string | undefined;
      /** How many stanzas it had carried when it was last asked, with the ping. */
      let proved = 0;
      const isOfNoConcern = (): boolean =>
        stream.isWatched || isHeldUp() || (id === undefined && !isKept() && stream.counts.stanzas === proved);

      function forget(): void {
        if (id !== undefined) asked.delete(id);
        id = undefined;
      }

      function ping(): void {
        forget();
        const own = `${series}-${(count += 1)}`;
        id = own;
        asked.set(own, {
          stream,
          answered() {
            forget();
            lastHeard = clock.monotonic();
          },
        });
        const request = xml(
          'iq',
          { type: 'get', id, from: local, to: remote },
          xml('ping', { xmlns: NS_PING }),
        );
        stream.send(request).then(
          () => (proved = stream.counts.stanzas),
          () => {},
        );
      }

      const watched = {
        get lastHeard() {
          if (isOfNoConcern()) lastHeard = clock.monotonic();
          return lastHeard;
        },
        destroy: () => stream.destroy(new Mom4cError('M4C_PARTNER_STREAM', 'the peer answers no ping')),
      };
      const stop = keepAlive(watched, clock, ping, { answerMs: ANSWER_MS });
      void stream.closed.then(() => {
        stop();
        forget();
      });
    },
    answers({ name, attrs: { type, id = '' } }, { pair }) {
      if (name !== 'iq' || (type !== 'result' && type !== 'error')) return false;
      const ping = asked.get(id);
      if (ping?.stream.pair.local !== pair.local || ping.stream.pair.remote !== pair.remote) return false;
      ping.answered();
      return true;
    },
  };
}
