/** Metadata read on a thread of their own: those of a large federation take seconds, which the links must not wait. */
import { Worker } from 'node:worker_threads';
import { type Clock, deadlineWithin, type ErrorCode, Mom4cError } from '@mom4c/core';
import type { FederationMetadata, MetadataOptions } from '@mom4c/saml';

export type Reading = MetadataOptions & { readonly xml: string };
export type ReadingAnswer =
  | { readonly metadata: FederationMetadata }
  | { readonly code: ErrorCode; readonly detail: string | undefined };

/** Characters. So many are read in less time than a thread takes to start: the metadata of some six gateways. */
export const READ_AT_ONCE = 32_768;

const LIMIT_MS = 120_000;
const MAX_HEAP_MB = 1024;

/** As `readMetadata`. @throws Mom4cError M4C_METADATA, also if it takes too long or too much memory */
export async function readInThread(
  reading: Reading,
  signal: AbortSignal,
  clock: Pick<Clock, 'after'>,
): Promise<FederationMetadata> {
  const deadline = deadlineWithin(signal, LIMIT_MS, clock);
  const worker = new Worker(new URL('./metadata-worker.ts', import.meta.url), {
    workerData: reading,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  try {
    const answer = await answerOf(worker, deadline.signal);
    if ('metadata' in answer) return answer.metadata;
    throw new Mom4cError(answer.code, answer.detail);
  } finally {
    deadline.clear();
    await worker.terminate();
  }
}

function answerOf(worker: Worker, signal: AbortSignal): Promise<ReadingAnswer> {
  return new Promise((resolve, reject) => {
    const end = (reason: string): void => reject(new Mom4cError('M4C_METADATA', reason));
    worker.once('message', resolve);
    worker.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') end('they take too much memory to read');
      else reject(error);
    });
    const abort = (): void => end('reading them was given up, or took too long');
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
