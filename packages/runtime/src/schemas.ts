/** Pieces that the configurations of several apps share. */
import { Mom4cError, parseDuration } from '@mom4c/core';
import * as z from 'zod';
import type { PathKind } from './settings.ts';

/** A path; a relative one is taken from the folder of the configuration file. */
export const filePath = (leadsTo: PathKind = 'file') =>
  z
    .string()
    .min(1)
    .max(4096)
    .refine((path) => !path.includes('\0'), 'must not hold a NUL')
    .meta({ format: 'path', leadsTo });

/** `5s`, `250ms`, `1h`; gives whole milliseconds. Its default is written as text, too: `.prefault('5s')`. */
export const durationSchema = () =>
  z.string().transform((text, context) => {
    try {
      return parseDuration(text);
    } catch (error) {
      if (!(error instanceof Mom4cError)) throw error;
      context.addIssue({ code: 'custom', message: 'must be a duration such as 250ms, 5s, 10m, 1h or 7d' });
      return z.NEVER;
    }
  });

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

export const logSchema = z
  .strictObject({
    level: z
      .enum(LOG_LEVELS)
      .default('info')
      .meta({ env: 'MOM4C_LOG_LEVEL', description: 'Least level that is logged.' }),
  })
  .prefault({});

/** Absent: no health server. */
export const healthSchema = z
  .strictObject({
    host: z
      .string()
      .default('127.0.0.1')
      .meta({ description: 'Address that /healthz and /metrics listen on.' }),
    port: z
      .int()
      .min(0)
      .max(65535)
      .meta({ description: 'Port of /healthz and /metrics; 0 takes a free one.' }),
  })
  .optional();
