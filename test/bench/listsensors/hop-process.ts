/** One hop as the benchmark sees it: a process that is started, put under load, asked what it used, and ended. */
import { join } from 'node:path';
import type { Measured } from '../common/closed-loop.ts';
import { startForked } from '../common/forked.ts';
import type { FromHop, HopLoad, HopStart, ToHop } from './hop-protocol.ts';

export type Usage = {
  /** Seconds of processor time since its start. */
  readonly cpu: number;
  /** Questions to the directory since its start. */
  readonly lookups: number;
};

export type HopProcess = {
  readonly jid: string;
  load(load: HopLoad): Promise<Measured>;
  usage(): Promise<Usage>;
  stop(): Promise<void>;
};

const PROGRAM = join(import.meta.dirname, 'hop.ts');

/** @throws Error if it ends before it is ready, and so does whatever is asked of it after it has ended */
export async function startHop(start: Omit<HopStart, 'type'>): Promise<HopProcess> {
  const hop = startForked<ToHop, FromHop>(PROGRAM);
  const { jid } = await hop.call({ type: 'start', ...start }, 'ready');
  return {
    jid,
    load: (load) => hop.call({ type: 'load', ...load }, 'measured'),
    usage: () => hop.call({ type: 'usage' }, 'usage'),
    stop: () => hop.stop(),
  };
}
