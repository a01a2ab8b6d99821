/** An agent: a NATS service whose endpoints take and give JSON. */
import { headers, type NatsError, type ServiceMsg } from 'nats';
import { asMom4cError, isUuidv7, Mom4cError, systemClock, systemRandom, uuidv7, type Log } from '@mom4c/core';
import { connectionOf, type Bus } from './connection.ts';
import { MAX_PAYLOAD_BYTES } from './node-server-config.ts';
import { agentSubject } from './subjects.ts';
import { decodeJson, encodeJson, ERROR_CODE_HEADER, ERROR_HEADER, REQUEST_HEADER } from './wire-errors.ts';

/** Gets the parsed JSON of a request, `null` if it was empty, and gives what becomes JSON. Must check its arguments. */
export type EndpointHandler = (args: unknown) => Promise<unknown>;

export type AgentDefinition = {
  /** A token: letters, digits, `-`, `_`. */
  readonly name: string;
  /** Semantic version. */
  readonly version: string;
  readonly description: string;
  readonly endpoints: Readonly<Record<string, EndpointHandler>>;
};

export type ServedAgent = { stop(): Promise<void> };

/** Requests in work at a time; more are refused with M4C_BUSY. */
const MAX_IN_WORK = 64;

/** Serves `agent.<name>.<endpoint>`, discovery (`$SRV.PING`, `INFO`) and statistics. */
export async function serveAgent(bus: Bus, agent: AgentDefinition, log: Log): Promise<ServedAgent> {
  const connection = connectionOf(bus);
  const service = await connection.services.add({
    name: agent.name,
    version: agent.version,
    description: agent.description,
  });
  const load = { inWork: 0 };
  for (const [name, handler] of Object.entries(agent.endpoints))
    service.addEndpoint(name, {
      subject: agentSubject(agent.name, name),
      handler: (error, message) => void answer(error, message, handler, load, log),
    });
  // What it serves is known to the server once this answers.
  await connection.flush();
  return {
    async stop() {
      await service.stop();
    },
  };
}

async function answer(
  error: NatsError | null,
  message: ServiceMsg,
  handler: EndpointHandler,
  load: { inWork: number },
  log: Log,
): Promise<void> {
  if (error) return;
  const of = { id: requestIn(message), subject: message.subject };
  load.inWork++;
  try {
    if (load.inWork > MAX_IN_WORK) throw new Mom4cError('M4C_BUSY');
    const args = message.data.length === 0 ? null : decodeJson(message.data, 'M4C_BAD_ARGUMENTS');
    const reply = encodeJson(await handler(args));
    if (reply.length > MAX_PAYLOAD_BYTES) throw new Mom4cError('M4C_TOO_LARGE', `${reply.length} bytes`);
    message.respond(reply);
    log.info({ ...of, octets: reply.length }, 'answered');
  } catch (thrown) {
    const failure = toError(thrown, of, log);
    log.info({ ...of, code: failure.code, detail: failure.detail }, 'answered with an error');
    respondError(message, failure);
  } finally {
    load.inWork--;
  }
}

/** For whose sake, as the caller says; nothing but an id of ours gets into the log. */
function requestIn(message: ServiceMsg): string | undefined {
  const said = message.headers?.get(REQUEST_HEADER);
  return said !== undefined && isUuidv7(said) ? said : undefined;
}

function toError(thrown: unknown, of: object, log: Log): Mom4cError {
  const newCorrelation = (): string => uuidv7(systemClock, systemRandom);
  return asMom4cError(thrown, newCorrelation, (bug, correlation) =>
    log.error({ err: bug, correlation, ...of }, 'bug'),
  );
}

function respondError(message: ServiceMsg, error: Mom4cError): void {
  const fields = headers();
  fields.set(ERROR_HEADER, error.code);
  fields.set(ERROR_CODE_HEADER, String(error.entry.number));
  try {
    message.respond(encodeJson(error.toBody()), { headers: fields });
  } catch {
    // The connection has just closed; the caller sees its timeout.
  }
}
