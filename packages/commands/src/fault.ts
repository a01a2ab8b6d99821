/** What is wrong with a part of a result, where the rest of it is well. */
import * as z from 'zod';
import { isErrorCode } from '@mom4c/core';
import type { ErrorCode } from '@mom4c/core';

export const faultSchema = z.strictObject({
  code: z.custom<ErrorCode>(isErrorCode),
  detail: z.string().max(500).optional(),
  correlation: z.string().max(64).optional(),
});

export function describeFault(error: { code: string; detail?: string | undefined }): string {
  return error.detail === undefined ? error.code : `${error.code}: ${error.detail}`;
}
