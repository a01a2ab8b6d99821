/**
 * Follows a stream, message by message, over losses of the connection, restarts of servers, and streams that are made
 * anew.
 *
 * INVARIANTS:
 *  - after each loss the place to begin is asked for anew, with the stream as it is then: nothing here remembers one;
 *  - between two beginnings messages come in order and without a gap, one at a time; a gap is a loss;
 *  - a loss is noticed within three heartbeats. What the server may send ahead is bounded by its flow control;
 *  - it ends with the bus, if nobody ends it before.
 */
import { consumerOpts, createInbox, type ClusterInfo, type JetStreamSubscription } from 'nats';
import { jitteredBackoff, pause, systemRandom, type Clock, type Log } from '@mom4c/core';
import { connectionOf, type Bus } from './connection.ts';
import { jetStreamOf, type JetStream } from './jetstream.ts';

export type StreamNow = {
  /** When it was made: a stream that was made anew is another one. */
  readonly created: string;
  /** Of the messages that it holds; the first is above the last if it holds none. */
  readonly first: number;
  readonly last: number;
};

export type StreamMessage = {
  readonly sequence: number;
  /** Unix milliseconds, of the server. */
  readonly time: number;
  /** How many are behind it. */
  readonly pending: number;
  readonly data: Uint8Array;
};

export type FollowerOptions = {
  readonly bus: Bus;
  readonly stream: string;
  readonly subject: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Before each beginning. */
  prepare?(): Promise<void>;
  /** The sequence to begin with, or the last message of the subject. */
  begin(now: StreamNow): Promise<number | 'last'>;
  /** The next one waits for it. */
  onMessage(message: StreamMessage): void | Promise<void>;
  onLost?(): void;
};

export type Follower = { close(): Promise<void> };

const HEARTBEAT_MS = 1000;
/** The server forgets a consumer whose follower went without a word. */
const FORGOTTEN_MS = 30_000;
const RETRY = { baseMs: 100, capMs: 2000 };
/** Servers choose by chance; of three, one of so many is the one that is wanted, but for one in ten million cases. */
const PLACING_TRIES = 40;

export function followStream(options: FollowerOptions): Follower {
  const { bus, clock, log, stream } = options;
  const backoff = jitteredBackoff({ ...RETRY, random: systemRandom });
  const closing = new AbortController();
  const { signal } = closing;
  let subscription: JetStreamSubscription | undefined;
  /** Ends what was begun before. */
  let losses = 0;
  let onReturn: (() => void) | undefined;

  const lose = (): void => {
    losses += 1;
    subscription?.unsubscribe();
    onReturn?.();
  };
  const stopListening = bus.onConnection(lose);
  const connection = connectionOf(bus);
  const end = (): void => {
    closing.abort();
    stopListening();
    lose();
  };
  void connection.closed().then(end);

  const follow = async (jetstream: JetStream): Promise<void> => {
    const begun = losses;
    await options.prepare?.();
    const { created, state, cluster } = await jetstream.manager.streams.info(stream);
    const start = await options.begin({ created, first: state.first_seq, last: state.last_seq });
    subscription = await subscribeNearby(jetstream, options, start, holdersOf(cluster));
    if (begun !== losses || signal.aborted) subscription.unsubscribe();
    let expected = 1;
    for await (const message of subscription) {
      if (begun !== losses || signal.aborted) return;
      const { deliverySequence, streamSequence, timestampNanos, pending } = message.info;
      if (deliverySequence !== expected) throw new Error(`message ${expected} was left out`);
      expected += 1;
      await options.onMessage({
        sequence: streamSequence,
        time: Math.floor(timestampNanos / 1e6),
        pending,
        data: message.data,
      });
      backoff.reset();
    }
  };

  const run = async (): Promise<void> => {
    const jetstream = await jetStreamOf(bus);
    while (!signal.aborted) {
      if (bus.connected) {
        try {
          await follow(jetstream);
        } catch (error) {
          if (!signal.aborted && !connection.isDraining())
            log.warn({ err: error, stream }, 'bus: a stream cannot be followed');
          await pause(backoff.next(), clock, signal);
        }
        subscription?.unsubscribe();
        subscription = undefined;
        options.onLost?.();
      } else {
        await new Promise<void>((resolve) => {
          onReturn = resolve;
        });
        onReturn = undefined;
      }
    }
  };
  const done = run();

  return {
    async close() {
      end();
      await done;
    },
  };
}

function holdersOf(cluster: ClusterInfo | undefined): readonly string[] {
  return [cluster?.leader, ...(cluster?.replicas ?? []).map(({ name }) => name)].filter(
    (name) => name !== undefined,
  );
}

/**
 * A consumer lives on one server and is lost with it, which shows only when heartbeats are missed. On the server of this
 * connection, if that holds the stream, no other loss can harm it.
 */
async function subscribeNearby(
  jetstream: JetStream,
  options: FollowerOptions,
  start: number | 'last',
  holders: readonly string[],
): Promise<JetStreamSubscription> {
  const own = connectionOf(options.bus).info?.server_name;
  for (let tries = 1; ; tries++) {
    const made = await subscribe(jetstream, options, start);
    if (own === undefined || !holders.includes(own) || tries === PLACING_TRIES) return made;
    const { cluster } = await made.consumerInfo();
    if (cluster?.leader === own) return made;
    await made.destroy();
  }
}

function subscribe(
  { client }: JetStream,
  { stream, subject }: FollowerOptions,
  start: number | 'last',
): Promise<JetStreamSubscription> {
  const consumer = consumerOpts()
    .bindStream(stream)
    .deliverTo(createInbox())
    .ackNone()
    .maxDeliver(1)
    .idleHeartbeat(HEARTBEAT_MS)
    .flowControl()
    .inactiveEphemeralThreshold(FORGOTTEN_MS)
    .memory()
    .numReplicas(1);
  if (start === 'last') consumer.deliverLastPerSubject();
  else consumer.startSequence(start);
  return client.subscribe(subject, consumer);
}
