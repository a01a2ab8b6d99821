import { printableJson } from '@mom4c/core';
import type { Log } from '@mom4c/core';
import type { DestinationStream, Logger as Pino } from 'pino';
import { loadPino } from './load-pino.ts';
import { redact } from './redact.ts';
import type { LOG_LEVELS } from './schemas.ts';

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Writes one JSON object a line: level, ISO time, name, pid, the fields, msg. */
export interface Logger extends Log {
  /** A logger whose lines carry these fields too. */
  child(fields: object): Logger;
  setLevel(level: LogLevel): void;
}

/** @param destination standard output where absent; written synchronously, so that a crash loses no line */
export function createLogger(
  options: { name: string; level: LogLevel },
  destination: DestinationStream = loadPino().destination({ fd: 1, sync: true }),
): Logger {
  const { pino, stdTimeFunctions } = loadPino();
  const logger = pino(
    {
      level: options.level,
      base: { name: options.name, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      serializers: { err: (value: unknown) => value },
    },
    // pino escapes what JSON demands; what else steers a terminal would reach whoever reads the log in one.
    { write: (line) => destination.write(printableJson(line)) },
  );
  return wrap(logger);
}

function wrap(logger: Pino): Logger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => wrap(logger.child(redact(fields) as Record<string, unknown>)),
    setLevel(level) {
      logger.level = level;
    },
  };
}
