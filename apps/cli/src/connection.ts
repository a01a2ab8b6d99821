/** A member for the time of one command line: start, use, stop in reverse order. */
import { silentLog, systemClock, systemRandom } from '@mom4c/core';
import type { AdminSettings, Member } from '@mom4c/member';

/** With the first enrolment of an administrator, whose RSA key takes its time on a small machine. */
const START_MS = 60_000;

export async function withMember<T>(
  settings: AdminSettings,
  verbose: boolean,
  use: (member: Member) => Promise<T>,
): Promise<T> {
  // Loaded here: help and completion need none of it.
  const [{ startMember }, { createLogger }] = await Promise.all([
    import('@mom4c/member'),
    import('@mom4c/runtime'),
  ]);
  const stops: (() => void | Promise<void>)[] = [];
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const log = verbose
    ? createLogger({ name: 'mom4c', level: settings.log.level }, process.stderr)
    : silentLog;
  const around = { clock: systemClock, random: systemRandom, log, signal: interrupt.signal };
  try {
    // A node may wait for its servers for ever; a person wants to know.
    const starting = { ...around, signal: AbortSignal.any([around.signal, AbortSignal.timeout(START_MS)]) };
    const member = await startMember(settings, 'admin', starting, (_name, stop) => stops.push(stop));
    return await use({ ...member, signal: around.signal });
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    for (const stop of stops.reverse()) await stop();
  }
}
