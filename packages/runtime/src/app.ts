/**
 * The life of a process: start, signals, stop in reverse order, faults.
 *
 * INVARIANTS:
 *  - stop functions run at most once, in the reverse order of their registration, each bounded in time;
 *  - a fault at start leads to the stop of what was started, then to the exit code of the catalogue;
 *  - an uncaught fault ends the process at once with 1: its state is unknown, so nothing more is run in it;
 *  - the death of the parent (SIGHUP, closed pipes, closed IPC channel) does not end the process.
 */
import { asMom4cError, EXIT, systemClock, systemRandom, uuidv7, type Mom4cError } from '@mom4c/core';
import { createLogger, type Logger } from './logger.ts';

export type StopFunction = () => void | Promise<void>;

export type App = {
  readonly name: string;
  readonly log: Logger;
  /** Fires when stopping begins. */
  readonly signal: AbortSignal;
  /** Registers what ends at stop; `limitMs` (default 5 s) bounds it. If the app stops already, it is run at once. */
  onStop(name: string, stop: StopFunction, limitMs?: number): void;
  /** Tells a parent that listens on IPC, once, then lets go of the channel so that this process can outlive it. */
  notifyReady(fields?: object): void;
  /** Stops as on SIGTERM. */
  stop(reason: string): Promise<void>;
  /** Stops because going on makes no sense, with the exit code of the catalogue, so that a supervisor sees it. */
  fail(error: Mom4cError): Promise<void>;
};

type Stop = { name: string; stop: StopFunction; limitMs: number };

const STOP_LIMIT_MS = 5000;
/** After the last stop function: what still holds the event loop is named in the log, and the process ended. */
const LINGER_MS = 3000;

/** Runs a program. Resolves once `start` is done; the process then lives on what was started, until a signal. */
export async function runApp(options: { name: string; start: (app: App) => Promise<void> }): Promise<void> {
  const log = createLogger({ name: options.name, level: 'info' });
  const stopping = new AbortController();
  const stops: Stop[] = [];
  let stopped: Promise<void> | undefined;

  const stop = (reason: string, exitCode: number = EXIT.ok): Promise<void> => {
    stopped ??= (async () => {
      log.info({ reason }, 'stopping');
      process.exitCode = exitCode;
      stopping.abort();
      for (let next = stops.pop(); next; next = stops.pop()) await runStop(next, log);
      log.info({}, 'stopped');
      nameWhatLingers(log);
    })();
    return stopped;
  };

  const report = (error: Mom4cError, message: string): void => {
    const { code, detail, correlation, entry } = error;
    log.error({ code, detail, correlation, fix: entry.fix }, message);
    writeLine(`${options.name}: ${describeError(error)}`);
  };

  const app: App = {
    name: options.name,
    log,
    signal: stopping.signal,
    onStop(name, stopFunction, limitMs = STOP_LIMIT_MS) {
      const entry = { name, stop: stopFunction, limitMs };
      if (stopping.signal.aborted) void runStop(entry, log);
      else stops.push(entry);
    },
    notifyReady: (fields = {}) => notifyReady(fields, log),
    stop: (reason) => stop(reason),
    fail(error) {
      report(error, 'cannot go on');
      return stop(error.code, error.entry.exit);
    },
  };

  outliveParent(log);
  dieOfBugs(log);
  process.once('SIGTERM', () => void stop('SIGTERM'));
  process.once('SIGINT', () => void stop('SIGINT'));
  try {
    await options.start(app);
    log.info({}, 'started');
  } catch (thrown) {
    // While stopping, whatever is still starting fails because its ground is taken away: no fault of its own.
    if (stopping.signal.aborted) return;
    const error = asMom4cError(thrown, newCorrelation, (bug, correlation) =>
      log.error({ err: bug, correlation }, 'bug'),
    );
    report(error, 'start failed');
    await stop('start failed', error.entry.exit);
  }
}

/** Code, text, detail, correlation id and remedy in one line. */
export function describeError(error: Mom4cError): string {
  const correlation = error.correlation === undefined ? '' : ` (correlation id ${error.correlation})`;
  return `${error.message}${correlation} Fix: ${error.entry.fix}`.replace(/\s*[\r\n]+\s*/g, ' ');
}

async function runStop({ name, stop, limitMs }: Stop, log: Logger): Promise<void> {
  let cancel = (): void => {};
  const limit = new Promise<'late'>((resolve) => {
    cancel = systemClock.after(limitMs, () => resolve('late'));
  });
  try {
    const ended = await Promise.race([Promise.resolve().then(stop), limit]);
    if (ended === 'late') log.warn({ part: name, limitMs }, 'did not stop in time');
  } catch (error) {
    log.error({ part: name, err: error }, 'failed to stop');
  } finally {
    cancel();
  }
}

function nameWhatLingers(log: Logger): void {
  setTimeout(() => {
    log.error(
      { resources: process.getActiveResourcesInfo() },
      'something was not stopped; ending the process',
    );
    process.exit(process.exitCode === EXIT.ok ? EXIT.bug : process.exitCode);
  }, LINGER_MS).unref();
}

function notifyReady(fields: object, log: Logger): void {
  if (process.send === undefined || !process.connected) return;
  process.send({ type: 'ready', ...fields }, (error: Error | null) => {
    if (error) log.warn({ err: error }, 'the parent did not hear that this process is ready');
    if (process.connected) process.disconnect();
  });
}

function outliveParent(log: Logger): void {
  process.on('SIGHUP', () => log.info({}, 'SIGHUP ignored'));
  // EPIPE, once the reader of a pipe is gone. pino guards standard output itself.
  process.stderr.on('error', () => {});
}

function dieOfBugs(log: Logger): void {
  const die = (thrown: unknown, origin: string): never => {
    const correlation = newCorrelation();
    log.error({ err: thrown, correlation, origin }, 'bug');
    writeLine(`M4C_INTERNAL, correlation id ${correlation}`);
    process.exit(EXIT.bug);
  };
  process.on('uncaughtException', (error, origin) => die(error, origin));
  process.on('unhandledRejection', (reason) => die(reason, 'unhandledRejection'));
}

function newCorrelation(): string {
  return uuidv7(systemClock, systemRandom);
}

function writeLine(text: string): void {
  process.stderr.write(`${text}\n`);
}
