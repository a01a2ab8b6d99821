/** Errors of the catalogue as NATS service errors: two headers and an ErrorBody. Pure. */
import { ERRORS, isErrorCode, Mom4cError } from '@mom4c/core';

export const ERROR_HEADER = 'Nats-Service-Error';
/** The id of the request for whose sake an agent is called (UUIDv7). */
export const REQUEST_HEADER = 'Mom4c-Request';
export const ERROR_CODE_HEADER = 'Nats-Service-Error-Code';

/** An agent's answer, as the bus gives it; it may be hostile. */
export type Reply = { readonly error: string; readonly errorCode: string; readonly data: Uint8Array };

export function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value ?? null));
}

/** The JSON of a good answer; throws the error that the agent reports.
 *  @throws Mom4cError M4C_BAD_RESULT if it is neither */
export function decodeReply(reply: Reply): unknown {
  const value = decodeJson(reply.data, 'M4C_BAD_RESULT');
  if (reply.error === '' && reply.errorCode === '') return value;
  throw decodeError(reply, value);
}

/** @throws Mom4cError with this code */
export function decodeJson(data: Uint8Array, code: 'M4C_BAD_RESULT' | 'M4C_BAD_ARGUMENTS'): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data)) as unknown;
  } catch (error) {
    throw new Mom4cError(code, 'not JSON', { cause: error });
  }
}

function decodeError(reply: Reply, body: unknown): Mom4cError {
  const { code, detail, correlation } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >;
  if (
    !isErrorCode(code) ||
    code !== reply.error ||
    String(ERRORS[code].number) !== reply.errorCode ||
    !isText(detail, 500) ||
    !isText(correlation, 64)
  )
    return new Mom4cError('M4C_BAD_RESULT', 'the component reports an error that is not in the catalogue');
  return new Mom4cError(code, detail, { correlation });
}

function isText(value: unknown, maxLength: number): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value.length <= maxLength);
}
