/** The thread of `readInThread`: one document, then it ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { Mom4cError } from '@mom4c/core';
import { readMetadata } from '@mom4c/saml';
import type { Reading, ReadingAnswer } from './metadata-thread.ts';

const { xml, ...options } = workerData as Reading;

function answer(): ReadingAnswer {
  try {
    return { metadata: readMetadata(xml, options) };
  } catch (error) {
    if (!(error instanceof Mom4cError)) throw error;
    return { code: error.code, detail: error.detail };
  }
}

parentPort!.postMessage(answer());
