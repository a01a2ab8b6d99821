/**
 * The copy of the journal that other machines hold: a JetStream stream. It is written only: what it holds is not
 * signed by the manager, so nothing that comes out of it may be believed.
 */
import { nanos, RetentionPolicy, StorageType, type JetStreamManager, type NatsError } from 'nats';
import { Mom4cError, type JournalEntry, type Uuid } from '@mom4c/core';
import { connectionOf, type Bus } from './connection.ts';
import { encodeAccepted, encodeFinished } from './journal-messages.ts';

export type JournalStream = {
  accepted(entry: JournalEntry): Promise<void>;
  finished(id: Uuid, outcome: Uint8Array): Promise<void>;
};

const ACK_LIMIT_MS = 3000;
const MAX_AGE_MS = 7 * 24 * 3_600_000;
const MAX_BYTES = 512 * 1024 * 1024;
/** Repetitions of one id within this time are one message. */
const DEDUP_MS = 10 * 60_000;
const STREAM_NOT_FOUND = 10059;

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
  };
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
