/** Calling an agent: found by the services API, called with JSON, answered with JSON or an error of the catalogue. */
import { ErrorCode, headers, type Msg, type MsgHdrs, type NatsConnection, type NatsError } from 'nats';
import { Mom4cError, type Uuid } from '@mom4c/core';
import { connectionOf, type Bus } from './connection.ts';
import { agentSubject } from './subjects.ts';
import { decodeReply, encodeJson, ERROR_CODE_HEADER, ERROR_HEADER, REQUEST_HEADER } from './wire-errors.ts';

export type AgentCall<Result> = {
  readonly agent: string;
  readonly endpoint: string;
  readonly args?: unknown;
  /** For whose sake: the agent has it in its log. */
  readonly request?: Uuid | undefined;
  /** For finding and calling together. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** It has an effect: once it was sent, no word about it is M4C_OUTCOME_UNKNOWN. */
  readonly effect?: boolean;
  /** Checks the answer's shape: a throw of any kind becomes M4C_BAD_RESULT. */
  readonly parse: (value: unknown) => Result;
};

/**
 * @throws Mom4cError M4C_AGENT_UNAVAILABLE (nobody serves it), M4C_AGENT_TIMEOUT (also where `signal` fires),
 *   M4C_BAD_RESULT (a malformed answer), M4C_OUTCOME_UNKNOWN (see `effect`), or the error that the agent answered with
 */
export async function callAgent<Result>(bus: Bus, call: AgentCall<Result>): Promise<Result> {
  const subject = agentSubject(call.agent, call.endpoint);
  const connection = connectionOf(bus);
  if (!bus.connected) throw new Mom4cError('M4C_AGENT_UNAVAILABLE', 'no connection to the bus of the node');
  const deadline = performance.now() + call.timeoutMs;
  const request = (to: string, data: Uint8Array, effect = false): Promise<Msg> =>
    ask(connection, to, data, deadline - performance.now(), { ...call, effect });

  requireEndpoint(await request(`$SRV.INFO.${call.agent}`, new Uint8Array()), call, subject);
  const message = await request(subject, encodeJson(call.args), call.effect);
  const value = decodeReply({
    error: message.headers?.get(ERROR_HEADER) ?? '',
    errorCode: message.headers?.get(ERROR_CODE_HEADER) ?? '',
    data: message.data,
  });
  try {
    return call.parse(value);
  } catch (error) {
    throw new Mom4cError('M4C_BAD_RESULT', `from the component ${call.agent}`, { cause: error });
  }
}

/** The agent's own word on where it listens must be the subject that its name entitles it to, else it is hostile. */
export function requireEndpoint(
  info: Pick<Msg, 'data'>,
  { agent, endpoint }: Pick<AgentCall<unknown>, 'agent' | 'endpoint'>,
  subject: string,
): void {
  const value = decodeReply({ error: '', errorCode: '', data: info.data });
  const { name, endpoints } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  if (name !== agent || !Array.isArray(endpoints))
    throw new Mom4cError('M4C_BAD_RESULT', `the component ${agent} describes itself wrongly`);
  const found = endpoints.find((entry: unknown) => (entry as { name?: unknown } | null)?.name === endpoint) as
    | { subject?: unknown }
    | undefined;
  if (!found) throw new Mom4cError('M4C_AGENT_UNAVAILABLE', `the component ${agent} has no ${endpoint}`);
  if (found.subject !== subject)
    throw new Mom4cError('M4C_BAD_RESULT', `the component ${agent} listens elsewhere`);
}

async function ask(
  connection: NatsConnection,
  subject: string,
  data: Uint8Array,
  timeoutMs: number,
  { agent, request, signal, effect }: Pick<AgentCall<unknown>, 'agent' | 'request' | 'signal' | 'effect'>,
): Promise<Msg> {
  if (timeoutMs < 1 || signal?.aborted) throw new Mom4cError('M4C_AGENT_TIMEOUT', agent);
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(noWord(agent, effect));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([
      connection.request(subject, data, { timeout: Math.ceil(timeoutMs), ...headersFor(request) }),
      aborted.promise,
    ]);
  } catch (error) {
    throw toError(error, agent, effect);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

function headersFor(request: Uuid | undefined): { headers?: MsgHdrs } {
  if (request === undefined) return {};
  const fields = headers();
  fields.set(REQUEST_HEADER, request);
  return { headers: fields };
}

function noWord(agent: string, effect: boolean | undefined): Mom4cError {
  return effect
    ? new Mom4cError('M4C_OUTCOME_UNKNOWN', `the component ${agent} gave no answer`)
    : new Mom4cError('M4C_AGENT_TIMEOUT', agent);
}

function toError(error: unknown, agent: string, effect: boolean | undefined): Mom4cError {
  if (error instanceof Mom4cError) return error;
  const { code } = error as NatsError;
  if (code === ErrorCode.NoResponders) return new Mom4cError('M4C_AGENT_UNAVAILABLE', agent);
  if (code === ErrorCode.MaxPayloadExceeded) return new Mom4cError('M4C_TOO_LARGE', `arguments for ${agent}`);
  if (effect || code === ErrorCode.Timeout) return noWord(agent, effect);
  return new Mom4cError('M4C_AGENT_UNAVAILABLE', `the bus of the node: ${code ?? 'no connection'}`, {
    cause: error,
  });
}
