/** Starts a hunt in a thread of its own. */
import { Worker } from 'node:worker_threads';
import type { Hunt, Prey } from './hunt.ts';

export async function hunt(what: Hunt): Promise<Prey> {
  const worker = new Worker(new URL('./hunt.ts', import.meta.url), { workerData: what });
  const { promise, resolve, reject } = Promise.withResolvers<Prey>();
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error('the thread ended without a word')));
  return promise;
}
