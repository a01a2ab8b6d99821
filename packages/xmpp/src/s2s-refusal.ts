/** Why a connection from outside is refused: what its peer is told, and what we say ourselves. */
import { Mom4cError } from '@mom4c/core';
import { NS_SASL } from './namespaces.ts';

export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly error: Mom4cError;
  /** Of a stream error, RFC 6120 §4.9.3. */
  readonly condition: string | undefined;
  /** What is said before that. */
  readonly before: string;

  constructor(error: Mom4cError, condition?: string, before = '') {
    super(error.message);
    this.error = error;
    this.condition = condition;
    this.before = before;
  }
}

/** @param condition of SASL, RFC 6120 §6.5 */
export function saslRefusal(error: Mom4cError, condition: string): Refusal {
  return new Refusal(error, undefined, `<failure xmlns='${NS_SASL}'><${condition}/></failure>`);
}

export function belowLevel(detail: string): Mom4cError {
  return new Mom4cError('M4C_PARTNER_LEVEL', detail);
}

export function unusable(detail: string): Mom4cError {
  return new Mom4cError('M4C_PARTNER_STREAM', detail);
}
