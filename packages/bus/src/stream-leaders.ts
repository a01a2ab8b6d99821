/**
 * Which server leads a stream. When that one is lost, writes wait for an election of four to eight seconds; when it hands
 * over on purpose, for 0.3 s. So whoever writes most keeps the leaders off the server that would be lost along with him, and
 * together, so that of the other servers one alone is missed.
 */
import type { ClusterInfo, NatsConnection, PeerInfo } from 'nats';
import { Mom4cError, type Clock, type Log } from '@mom4c/core';
import { connectionOf, type Bus } from './connection.ts';
import { ANSWER_LIMIT_MS, jetStreamOf } from './jetstream.ts';

export type LeadersApartOptions = {
  readonly bus: Bus;
  /** The others follow the first one. */
  readonly streams: readonly string[];
  /** Asked before each look: whoever does not write leaves the leaders where they are. */
  readonly wanted: () => boolean;
  readonly clock: Pick<Clock, 'after'>;
  readonly log: Log;
};

export type LeadersApart = {
  /** Looks soon, and from then on every ten seconds. */
  begin(): void;
  close(): void;
};

/** After a take-over there is more urgent work, and only then is it known of a server that it was lost with the manager before. */
const FIRST_LOOK_MS = 5_000;
/** After somebody has stepped down: of two places his server chooses one by chance. */
const NEXT_LOOK_MS = 1_000;
/** An election, or a server that comes back, may put them anywhere. */
const LOOK_MS = 10_000;

/** Keeps the leaders of the streams on one server, which is not that of this connection, wherever another one has all that it
 *  needs. */
export function keepLeadersApart({ bus, streams, wanted, clock, log }: LeadersApartOptions): LeadersApart {
  let cancel = (): void => {};
  let closed = false;
  const look = (): void => {
    if (!wanted()) return;
    cancel = clock.after(LOOK_MS, look);
    moveLeadersAway(bus, streams).then(
      (moved) => {
        if (moved.length === 0 || closed) return;
        log.info({ streams: moved }, 'bus: leaders of streams asked to another server');
        cancel();
        cancel = clock.after(NEXT_LOOK_MS, look);
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
    close() {
      closed = true;
      cancel();
    },
  };
}

/** Once: whose leader is on the server of this connection, or not where the first stream's is, steps down.
 *  @returns the streams that it was asked for @throws Mom4cError M4C_BUS_UNREACHABLE */
export async function moveLeadersAway(bus: Bus, streams: readonly string[]): Promise<string[]> {
  const connection = connectionOf(bus);
  const own = connection.info?.server_name;
  const moved: string[] = [];
  let home: string | undefined;
  try {
    const { manager } = await jetStreamOf(bus);
    for (const stream of streams) {
      const { cluster = {} } = await manager.streams.info(stream);
      const { leader } = cluster;
      if (own === undefined || leader === undefined) continue;
      if (stream === streams[0] && leader !== own) home = leader;
      const inPlace = leader !== own && (home === undefined || leader === home);
      if (inPlace || !hasHeir(cluster)) continue;
      await stepDown(connection, stream);
      moved.push(stream);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 100) : 'no answer';
    throw new Mom4cError('M4C_BUS_UNREACHABLE', `the leaders of streams: ${reason}`, { cause: error });
  }
  return moved;
}

/** This version of the server chooses among those that have everything; a place that is preferred it does not know. */
async function stepDown(connection: NatsConnection, stream: string): Promise<void> {
  const reply = await connection.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, undefined, {
    timeout: ANSWER_LIMIT_MS,
  });
  const { success, error } = reply.json<{ success?: boolean; error?: { description?: string } }>();
  if (success !== true) throw new Error(error?.description ?? 'no success');
}

/** Replicas are heard once a second. A leader hands over to any that it has heard within three, and waits for an election if
 *  that one is gone by then: so none may be silent for so long only that nobody knows. */
const HEARD_NS = 1_500_000_000;
const GONE_NS = 4_000_000_000;

function hasHeir({ replicas = [] }: ClusterInfo): boolean {
  const isHere = ({ active, current, offline }: PeerInfo): boolean =>
    active < HEARD_NS && current && offline !== true;
  return replicas.some(isHere) && replicas.every((one) => isHere(one) || one.active > GONE_NS);
}
