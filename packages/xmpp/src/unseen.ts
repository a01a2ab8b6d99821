/** What arrived and no handler got to see: counted by reason, and told to whoever counts and logs refusals. */
import { Mom4cError, type ErrorCode, type Log } from '@mom4c/core';
import { createListeners, type Listener } from './listeners.ts';

export type DropReason = 'no usable sender' | 'too large' | 'too deep' | 'too many at once' | 'unexpected';

/** A stanza that no handler got to see. */
export type Unseen = {
  readonly error: Mom4cError;
  /** Undefined where it was given up before its sender was known. */
  readonly from: string | undefined;
};

export type UnseenLedger = {
  readonly dropped: Readonly<Record<DropReason, number>>;
  readonly drop: (reason: DropReason, from?: string) => void;
  /** What was answered with an error before a handler saw it. */
  readonly onUnserved: (error: Mom4cError, from: string) => void;
  readonly onUnseen: (listener: Listener<Unseen>) => () => void;
};

/** What each reason is in the catalogue. */
const DROP_CODES: Readonly<Record<DropReason, ErrorCode>> = {
  'no usable sender': 'M4C_MALFORMED',
  'too large': 'M4C_TOO_LARGE',
  'too deep': 'M4C_MALFORMED',
  'too many at once': 'M4C_BUSY',
  unexpected: 'M4C_UNEXPECTED',
};

export function createUnseen(log: Log): UnseenLedger {
  const dropped = {
    'no usable sender': 0,
    'too large': 0,
    'too deep': 0,
    'too many at once': 0,
    unexpected: 0,
  };
  const listeners = createListeners<Unseen>('unseen', log);
  return {
    dropped,
    drop(reason, from) {
      dropped[reason] += 1;
      listeners.call({ error: new Mom4cError(DROP_CODES[reason], reason), from });
    },
    onUnserved(error, from) {
      listeners.call({ error, from });
    },
    onUnseen: (listener) => listeners.add(listener),
  };
}
