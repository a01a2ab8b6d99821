/**
 * Which server leads a stream. When that one is lost, writes wait for an election of four to eight seconds; when it hands
 * over on purpose, for 0.3 s. So whoever writes most keeps the leaders off the server that would be lost along with him.
 */
import type { ClusterInfo } from 'nats';
import { Mom4cError, type Clock, type Log } from '@mom4c/core';
import { connectionOf, type Bus } from './connection.ts';
import { ANSWER_LIMIT_MS, jetStreamOf } from './jetstream.ts';

export type LeadersApartOptions = {
  readonly bus: Bus;
  readonly streams: readonly string[];
  /** Asked before each look: whoever does not write leaves the leaders where they are. */
  readonly wanted: () => boolean;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Log;
};

export type LeadersApart = {
  /** Looks soon, and from then on every minute. */
  begin(): void;
  close(): void;
};

/** After a take-over there is more urgent work. */
const FIRST_LOOK_MS = 2_000;
const LOOK_MS = 60_000;

/** Keeps the leaders of the streams off the server of this connection, wherever another one has all that it needs. */
export function keepLeadersApart({ bus, streams, wanted, clock, log }: LeadersApartOptions): LeadersApart {
  let cancel = (): void => {};
  const look = (): void => {
    if (!wanted()) return;
    cancel = clock.after(LOOK_MS, look);
    moveLeadersAway(bus, streams).then(
      (moved) => {
        if (moved.length > 0) log.info({ streams: moved }, 'bus: leaders of streams asked off this server');
      },
      (thrown: unknown) => {
        const { code, detail } = thrown as Partial<Mom4cError>;
        log.warn({ code, detail }, 'bus: leaders of streams stay where they are');
      },
    );
  };
  return {
    begin() {
      cancel();
      cancel = clock.after(FIRST_LOOK_MS, look);
    },
    close: () => cancel(),
  };
}

/** @returns the streams whose leader was on the server of this connection and has stepped down
 *  @throws Mom4cError M4C_BUS_UNREACHABLE */
export async function moveLeadersAway(bus: Bus, streams: readonly string[]): Promise<string[]> {
  const connection = connectionOf(bus);
  const own = connection.info?.server_name;
  const moved: string[] = [];
  try {
    const { manager } = await jetStreamOf(bus);
    for (const stream of streams) {
      const { cluster } = await manager.streams.info(stream);
      if (own === undefined || cluster?.leader !== own || !hasHeir(cluster)) continue;
      const reply = await connection.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, undefined, {
        timeout: ANSWER_LIMIT_MS,
      });
      const { success, error } = reply.json<{ success?: boolean; error?: { description?: string } }>();
      if (success !== true) throw new Error(error?.description ?? 'no success');
      moved.push(stream);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 100) : 'no answer';
    throw new Mom4cError('M4C_BUS_UNREACHABLE', `the leaders of streams: ${reason}`, { cause: error });
  }
  return moved;
}

function hasHeir({ replicas = [] }: ClusterInfo): boolean {
  return replicas.some(({ current, offline }) => current && offline !== true);
}
