/** The copy of the journal that other machines hold: a JetStream stream. */
import {
  nanos,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type NatsError,
  type StoredMsg,
} from 'nats';
import { Mom4cError, type JournalEntry, type Uuid } from '@mom4c/core';
import { connectionOf, type Bus } from './connection.ts';
import type { Write } from './journal-file.ts';
import { decodeAccepted, decodeFinished, encodeAccepted, encodeFinished } from './journal-messages.ts';

export type JournalStream = {
  accepted(entry: JournalEntry): Promise<void>;
  finished(id: Uuid, outcome: Uint8Array): Promise<void>;
  /** What came after this sequence, from all cluster managers, oldest first; ends with a `seen`. */
  after(sequence: number, now: number): AsyncIterable<readonly Write[]>;
};

const ACK_LIMIT_MS = 3000;
const MAX_AGE_MS = 7 * 24 * 3_600_000;
const MAX_BYTES = 512 * 1024 * 1024;
/** Repetitions of one id within this time are one message. */
const DEDUP_MS = 10 * 60_000;
const STREAM_NOT_FOUND = 10059;
const NO_MESSAGE = 10037;
/** Messages that are asked for at a time. */
const BATCH = 50;

type Kind = 'accepted' | 'finished';

/** Makes the stream if it is missing; an existing one is left as it is. */
export async function openJournalStream(options: {
  bus: Bus;
  stream: string;
  replicas: 1 | 3;
}): Promise<JournalStream> {
  const connection = connectionOf(options.bus);
  const manager = await connection.jetstreamManager({ timeout: ACK_LIMIT_MS });
  await ensureStream(manager, options.stream, options.replicas);
  const client = connection.jetstream({ timeout: ACK_LIMIT_MS });
  const publish = async (kind: Kind, id: Uuid, body: string): Promise<void> => {
    const ack = await client.publish(`${options.stream}.${kind}`, body, {
      msgID: `${kind}:${id}`,
      timeout: ACK_LIMIT_MS,
      expect: { streamName: options.stream },
    });
    if (ack.stream !== options.stream) throw new Mom4cError('M4C_JOURNAL', 'another stream answered');
  };
  return {
    accepted: (entry) => publish('accepted', entry.id, encodeAccepted(entry)),
    finished: (id, outcome) => publish('finished', id, encodeFinished(id, outcome)),
    after: (sequence, now) => readAfter(manager, options.stream, sequence, now),
  };
}

async function* readAfter(
  manager: JetStreamManager,
  stream: string,
  sequence: number,
  now: number,
): AsyncIterable<readonly Write[]> {
  const { first_seq: first, last_seq: last } = (await manager.streams.info(stream)).state;
  // Its numbers start anew where it had to be made anew.
  const start = Math.max(first, sequence > last ? 1 : sequence + 1);
  for (let from = start; from <= last; from += BATCH) {
    const to = Math.min(from + BATCH - 1, last);
    const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const messages = await Promise.all(numbers.map((number) => readMessage(manager, stream, number)));
    const writes = messages
      .filter((message) => message !== undefined)
      .map((message) => toWrite(stream, message, now));
    yield [...writes.filter((write) => write !== undefined), { kind: 'seen', sequence: to }];
  }
}

async function readMessage(
  manager: JetStreamManager,
  stream: string,
  seq: number,
): Promise<StoredMsg | undefined> {
  try {
    return await manager.streams.getMessage(stream, { seq });
  } catch (error) {
    // Too old, so it is gone.
    if ((error as NatsError).api_error?.err_code === NO_MESSAGE) return undefined;
    throw error;
  }
}

function toWrite(stream: string, { subject, data }: StoredMsg, now: number): Write | undefined {
  if (subject === `${stream}.accepted`) {
    const entry = decodeAccepted(data);
    return entry && { kind: 'copy', entry };
  }
  const finished = subject === `${stream}.finished` ? decodeFinished(data) : undefined;
  return finished && { kind: 'finish', ...finished, at: now };
}

async function ensureStream(manager: JetStreamManager, name: string, replicas: number): Promise<void> {
  try {
    await manager.streams.info(name);
  } catch (error) {
    if ((error as NatsError).api_error?.err_code !== STREAM_NOT_FOUND) throw error;
    await manager.streams.add({
      name,
      subjects: [`${name}.*`],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      max_age: nanos(MAX_AGE_MS),
      max_bytes: MAX_BYTES,
      duplicate_window: nanos(DEDUP_MS),
      num_replicas: replicas,
    });
  }
}
