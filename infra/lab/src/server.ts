/** What the servers have in common: start, wait for the answer, or give the reason from the log. */
import { Mom4cError } from '@mom4c/core';
import { startProcess, stopProcess, tailOf, until } from './keeper.ts';
import type { ProcessRecord, StartOptions } from './keeper.ts';
import { isPortTaken, releasePorts } from './ports.ts';
import { isAlive } from './process-table.ts';

export type ServerName = 'ejabberd' | 'prosody' | 'slapd' | 'nats-server';

export type RunningServer = {
  readonly name: ServerName | 'idp';
  readonly process: ProcessRecord;
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** Ends it with its children, and releases the port. Its data stays: start it again on the same folder and port. */
  stop(): Promise<void>;
};

/** Gets the process at once, before it answers, so that it can be stopped from elsewhere. */
export type OnStart = (process: ProcessRecord) => void;

const READY_LIMIT_MS = 60_000;

/** Starts a server and resolves once it answers. @throws Mom4cError M4C_LAB with the end of its log; nothing runs then */
export async function startServer(
  name: ServerName | 'idp',
  port: number,
  options: Omit<StartOptions, 'name'> & { onStart?: OnStart | undefined },
  answersNow: () => Promise<boolean>,
): Promise<RunningServer> {
  if (options.namespace === undefined && (await isPortTaken(port)))
    throw new Mom4cError('M4C_LAB', `${name}: somebody listens on port ${port} already`);
  const { record } = await startProcess({ ...options, name });
  options.onStart?.(record);
  const stop = async () => {
    await stopProcess(record);
    releasePorts([port]);
  };
  let answered = false;
  await until(async () => (answered = await answersNow()) || !isAlive(record), READY_LIMIT_MS);
  // The answer must have come from the server that was started, not from another one on its port.
  if (answered && isAlive(record)) return { name, process: record, port, stop };
  const reason = isAlive(record) ? `does not answer within ${READY_LIMIT_MS / 1000} s` : 'ended by itself';
  await stop();
  throw new Mom4cError('M4C_LAB', `${name} ${reason}, see ${record.logFile}:\n${tailOf(record.logFile)}`);
}
