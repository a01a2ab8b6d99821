/**
 * The leader lease: one key of a JetStream KV bucket, written by compare-and-set.
 *
 * INVARIANTS:
 *  - reads and writes are answered by the leader of the bucket's stream, never by a copy that may lag behind;
 *  - nothing is written later than asked: without a connection a call fails at once, so that no renewal waits in a
 *    buffer until it is not true any more;
 *  - what stands there and is not a lease is an error, and is never written over;
 *  - a bucket that is gone is made anew, empty: whoever judges what stands there knows whether anything did before.
 */
import { StorageType, type KV, type StoredMsg } from 'nats';
import * as z from 'zod';
import {
  isNodeName,
  Mom4cError,
  systemClock,
  type Clock,
  type LeaseEntry,
  type LeaseRecord,
  type LeaseStore,
  type Log,
} from '@mom4c/core';
import type { Bus } from './connection.ts';
import { ANSWER_LIMIT_MS, API_ERROR, apiErrorOf, jetStreamOf, outageOf } from './jetstream.ts';
import { followStream } from './stream-follower.ts';

export type LeaseStoreOptions = {
  readonly bus: Bus;
  /** Made if missing. */
  readonly bucket: string;
  readonly replicas: 1 | 3;
  /** Whoever reads and writes waits for no longer. More than two seconds are not waited for in any case. */
  readonly answerMs?: number;
  readonly clock?: Clock;
  readonly log: Log;
};

const KEY = 'leader';
const MAX_OCTETS = 1024;

const nodeName = z.string().refine(isNodeName, 'not a node name');
const counter = z.int().nonnegative();
const leaseSchema: z.ZodType<LeaseRecord> = z.strictObject({
  holder: nodeName.optional(),
  instance: z.string().regex(/^[\w-]{1,64}$/),
  generation: counter,
  acquired: counter.positive(),
  successor: nodeName.optional(),
});

/** @throws Mom4cError M4C_NO_QUORUM, M4C_BUS_UNREACHABLE */
export async function openLeaseStore(options: LeaseStoreOptions): Promise<LeaseStore> {
  const { bus, bucket, replicas, log, clock = systemClock } = options;
  const answerMs = Math.min(options.answerMs ?? ANSWER_LIMIT_MS, ANSWER_LIMIT_MS);
  const stream = `KV_${bucket}`;
  const subject = `$KV.${bucket}.${KEY}`;

  /** In bounded time, and with errors of the catalogue only. */
  const ask = async <Value>(work: () => Promise<Value>, limitMs = answerMs): Promise<Value> => {
    if (!bus.connected) throw new Mom4cError('M4C_BUS_UNREACHABLE', 'no connection');
    const late = Promise.withResolvers<never>();
    const cancel = clock.after(limitMs, () => late.reject({ code: 'TIMEOUT' }));
    try {
      return await Promise.race([work(), late.promise]);
    } catch (error) {
      throw leaseError(error, bus, replicas);
    } finally {
      cancel();
    }
  };

  const { client, manager } = await jetStreamOf(bus);
  const openBucket = (): Promise<KV> =>
    client.views.kv(bucket, {
      history: 1,
      storage: StorageType.File,
      replicas,
      maxValueSize: MAX_OCTETS,
      allow_direct: false,
    });
  const kv = await ask(openBucket, ANSWER_LIMIT_MS);

  /** Also a mark that it was deleted. */
  const lastWrite = async (): Promise<StoredMsg | undefined> => {
    try {
      return await manager.streams.getMessage(stream, { last_by_subj: subject });
    } catch (error) {
      if (apiErrorOf(error) === API_ERROR.noMessage) return undefined;
      if (apiErrorOf(error) !== API_ERROR.streamNotFound) throw error;
      log.error({ bucket }, 'lease: its bucket is gone, and is made anew; see docs/fail-over.md');
      await openBucket();
      return undefined;
    }
  };

  const put = async (value: string, expected: number): Promise<number | undefined> => {
    try {
      return await kv.put(KEY, value, { previousSeq: expected });
    } catch (error) {
      if (apiErrorOf(error) === API_ERROR.wrongLastSequence) return undefined;
      throw error;
    }
  };

  return {
    read: () =>
      ask(async () => {
        const found = await lastWrite();
        return found && !isDeletion(found) ? parseEntry(found.seq, found.data) : undefined;
      }),
    async write(record, expected) {
      const value = JSON.stringify(leaseSchema.parse(record));
      return await ask(async () => {
        const written = await put(value, expected);
        if (written !== undefined || expected > 0) return written;
        // A deleted lease is none, but its revisions go on.
        const found = await lastWrite();
        return found && isDeletion(found) ? await put(value, found.seq) : undefined;
      });
    },
    watch(listener) {
      const follower = followStream({
        bus,
        stream,
        subject,
        clock,
        log,
        begin: async () => 'last',
        onMessage({ sequence, data }) {
          // A mark that it was deleted.
          if (data.length === 0) return;
          const entry = tryParse(sequence, data);
          if (entry) listener(entry);
          else log.error({ revision: sequence }, 'lease: what was written is not a lease');
        },
      });
      return () => void follower.close();
    },
  };
}

function isDeletion({ header }: StoredMsg): boolean {
  return header.get('KV-Operation') !== '';
}

/** @throws Mom4cError M4C_MALFORMED */
function parseEntry(revision: number, data: Uint8Array): LeaseEntry {
  const entry = tryParse(revision, data);
  if (!entry) throw new Mom4cError('M4C_MALFORMED', `revision ${revision} of the bucket is not a lease`);
  return entry;
}

function tryParse(revision: number, data: Uint8Array): LeaseEntry | undefined {
  if (data.length > MAX_OCTETS) return undefined;
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
    return { revision, record: leaseSchema.parse(json) };
  } catch {
    return undefined;
  }
}

function leaseError(error: unknown, bus: Bus, replicas: 1 | 3): Mom4cError {
  if (error instanceof Mom4cError) return error;
  if (outageOf(error, bus, replicas) === 'no majority')
    return new Mom4cError('M4C_NO_QUORUM', 'the lease cannot be read or written', { cause: error });
  const reason = error instanceof Error ? error.message.slice(0, 100) : 'no answer';
  return new Mom4cError('M4C_BUS_UNREACHABLE', `the lease: ${reason}`, { cause: error });
}
