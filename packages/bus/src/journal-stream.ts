/** The log of the journal: a JetStream stream, to which managers append and which they follow. */
import { nanos, RetentionPolicy, StorageType, type JetStreamManager } from 'nats';
import { Mom4cError, type Clock, type JournalRecord, type Log } from '@mom4c/core';
import type { Bus } from './connection.ts';
import { ANSWER_LIMIT_MS, API_ERROR, apiErrorOf, jetStreamOf, outageOf } from './jetstream.ts';
import { followStream, type Follower, type FollowerOptions } from './stream-follower.ts';

export type Appended = {
  readonly sequence: number;
  /** The stream had a message of this id already, at this sequence. */
  readonly duplicate: boolean;
};

export type JournalStream = {
  /** @param id of two messages with the same id, within ten minutes, the stream keeps the first
   *  @throws Mom4cError M4C_NO_QUORUM, M4C_JOURNAL: it may have been written all the same */
  append(kind: JournalRecord['kind'], id: string, octets: Uint8Array): Promise<Appended>;
  /** When the message with this sequence was written, in Unix milliseconds; undefined: there is none. */
  timeOf(sequence: number): Promise<number | undefined>;
  follow(handlers: Pick<FollowerOptions, 'begin' | 'onMessage' | 'onLost'>): Follower;
};

export type JournalStreamOptions = {
  readonly bus: Bus;
  /** Made if missing; one that is there is left as it is. */
  readonly stream: string;
  readonly replicas: 1 | 3;
};

/** A planned change of the stream's leader takes 0.3 s, and in it nobody answers. A repetition is dropped by its id. */
const HAND_OVER = { retries: 4, retry_delay: 200 };
const MAX_AGE_MS = 7 * 24 * 3_600_000;
export const MAX_STREAM_BYTES = 512 * 1024 * 1024;
/** Repetitions of one id within this time are one message. */
const DEDUP_MS = 10 * 60_000;

/** @throws Mom4cError M4C_NO_QUORUM, M4C_JOURNAL */
export async function openJournalStream(
  options: JournalStreamOptions & { clock: Clock; log: Log },
): Promise<JournalStream> {
  const { bus, stream, replicas, clock, log } = options;
  const { client, manager } = await jetStreamOf(bus);
  const ask = async <Value>(work: () => Promise<Value>): Promise<Value> => {
    // What waited in a buffer would be written when nobody waits for it any more.
    if (!bus.connected) throw new Mom4cError('M4C_JOURNAL', 'the NATS server is not connected');
    try {
      return await work();
    } catch (error) {
      if (outageOf(error, bus, replicas) !== 'no majority') throw error;
      throw new Mom4cError('M4C_NO_QUORUM', undefined, { cause: error });
    }
  };
  await ask(() => ensureStream(manager, stream, replicas));

  return {
    append: (kind, id, octets) =>
      ask(async () => {
        const ack = await client.publish(`${stream}.${kind}`, octets, {
          msgID: id,
          timeout: ANSWER_LIMIT_MS,
          ...HAND_OVER,
          expect: { streamName: stream },
        });
        if (ack.stream !== stream) throw new Mom4cError('M4C_JOURNAL', 'another stream answered');
        return { sequence: ack.seq, duplicate: ack.duplicate };
      }),
    async timeOf(sequence) {
      try {
        return (await manager.streams.getMessage(stream, { seq: sequence })).time.getTime();
      } catch (error) {
        if (apiErrorOf(error) === API_ERROR.noMessage) return undefined;
        throw error;
      }
    },
    follow: (handlers) =>
      followStream({
        bus,
        stream,
        subject: `${stream}.*`,
        clock,
        log,
        prepare: () => ensureStream(manager, stream, replicas),
        ...handlers,
      }),
  };
}

async function ensureStream(manager: JetStreamManager, name: string, replicas: number): Promise<void> {
  try {
    await manager.streams.info(name);
  } catch (error) {
    if (apiErrorOf(error) !== API_ERROR.streamNotFound) throw error;
    await manager.streams.add({
      name,
      subjects: [`${name}.*`],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      max_age: nanos(MAX_AGE_MS),
      max_bytes: MAX_STREAM_BYTES,
      duplicate_window: nanos(DEDUP_MS),
      num_replicas: replicas,
    });
  }
}
