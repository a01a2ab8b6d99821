/** What several files here ask of JetStream, and what its failures mean. */
import { ErrorCode, type JetStreamClient, type JetStreamManager, type NatsError } from 'nats';
import { connectionOf, type Bus } from './connection.ts';

/** One question, or one message until it is acknowledged. A server that is left alone says nothing for ten seconds: so a
 *  request must be refused before who asks has given up its second try, three seconds after the first. */
export const ANSWER_LIMIT_MS = 2000;

/** Numbers of nats-server's table of errors. */
export const API_ERROR = { streamNotFound: 10059, noMessage: 10037, wrongLastSequence: 10071 } as const;

/** No leader of the cluster, none of the stream, or no server that could hold a copy. */
const WITHOUT_MAJORITY: ReadonlySet<number> = new Set([10003, 10004, 10005, 10008, 10009, 10074, 10077]);
const WITHOUT_ANSWER: ReadonlySet<string> = new Set([ErrorCode.Timeout, ErrorCode.NoResponders]);

export type JetStream = { readonly client: JetStreamClient; readonly manager: JetStreamManager };

export async function jetStreamOf(bus: Bus): Promise<JetStream> {
  const connection = connectionOf(bus);
  const options = { timeout: ANSWER_LIMIT_MS, checkAPI: false };
  return {
    client: connection.jetstream(options),
    manager: await connection.jetstreamManager(options),
  };
}

export function apiErrorOf(error: unknown): number | undefined {
  return (error as Partial<NatsError> | undefined)?.api_error?.err_code;
}

/** What a call failed of, where that is no fault of what was asked. A single server that is silent is not reached. */
export function outageOf(
  error: unknown,
  bus: Bus,
  replicas: 1 | 3,
): 'unreachable' | 'no majority' | undefined {
  if (!bus.connected) return 'unreachable';
  const number = apiErrorOf(error);
  const code = (error as { code?: unknown } | undefined)?.code;
  const silent = number === undefined ? WITHOUT_ANSWER.has(String(code)) : WITHOUT_MAJORITY.has(number);
  if (!silent) return undefined;
  return replicas === 1 ? 'unreachable' : 'no majority';
}
