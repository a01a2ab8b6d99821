/**
 * The metadata of the federation, kept current: read from a file or an https URL, verified, refreshed, and the last
 * good ones kept on disk for a start without their source.
 *
 * INVARIANTS:
 *  - what `get` gives was signed by one of the signers and is valid now;
 *  - what ends is told as a change at its time;
 *  - metadata that end earlier, or were made earlier, than some that were seen before are refused, and so are those whose
 *    place others have taken; also after a restart;
 *  - what cannot be used changes nothing.
 */
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { asMom4cError, type Clock, type Log, Mom4cError, pause, type Random } from '@mom4c/core';
import { type FederationMetadata, readMetadata, validAt } from '@mom4c/saml';
import { replaceFile } from '@mom4c/runtime';
import * as z from 'zod';
import { stampOf } from '../file-watch.ts';
import type { HttpsClient, Trust } from './https-client.ts';
import { checkNewer, floorAfter, floorSchema, NO_FLOOR } from './metadata-floor.ts';
import { READ_AT_ONCE, readInThread } from './metadata-thread.ts';

export type MetadataSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'url'; readonly url: URL; readonly trust: Trust };

export type FederationStatus = {
  readonly source: string;
  /** Milliseconds since 1970; undefined: there are none. */
  readonly validUntil: number | undefined;
  readonly lastRead: number | undefined;
  /** Why the last try to read them gave nothing. */
  readonly fault: { readonly code: string; readonly detail: string | undefined } | undefined;
};

export type FederationSource = {
  /** @throws Mom4cError M4C_METADATA if there are none, or none that are still valid */
  get(): FederationMetadata;
  status(): FederationStatus;
  /** After other metadata have been taken, or some have ended. */
  onChange(listener: () => void): () => void;
  /** Reads them now. @throws Mom4cError */
  refresh(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
};

export type FederationSettings = {
  readonly source: MetadataSource;
  /** PEM certificates of whoever may sign them. */
  readonly signers: readonly string[];
  /** Folder for the last good ones. */
  readonly folder: string;
  /** Between two readings of a URL, on average. */
  readonly refreshMs: number;
  readonly https: HttpsClient;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
};

/** Far more than that of a thousand entities. */
const MAX_OCTETS = 8 * 1024 * 1024;
/** A look at the file's time costs nothing; a reading only if that has changed. */
const FILE_LOOK_MS = 2_000;
const KEPT_FILE = 'federation-metadata.json';
/** The longest time between two looks at what has ended: the wall clock may be set. */
const END_LOOK_MS = 60_000;
const keptSchema = z.strictObject({ floor: floorSchema, xml: z.string() });

type Kept = z.output<typeof keptSchema>;

/** Returns after the first try to read them: whether there are any, `get` says. */
export async function followFederation(settings: FederationSettings): Promise<FederationSource> {
  const { source, signers, folder, refreshMs, log, clock, random } = settings;
  const stopping = new AbortController();
  const listeners = new Set<() => void>();
  let current: FederationMetadata | undefined;
  let floor = NO_FLOOR;
  let lastRead: number | undefined;
  let fault: FederationStatus['fault'];
  let fileSeen = '';
  /** Size of what was good when it was last told. */
  let told = 0;
  let cancelEnd = (): void => {};

  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const kept = readKept(join(folder, KEPT_FILE), log);
  if (kept) {
    ({ floor } = kept);
    try {
      current = await read(kept.xml, stopping.signal);
    } catch (error) {
      log.warn(
        { code: codeOf(error), detail: detailOf(error) },
        'the kept metadata of the federation cannot be used',
      );
    }
  }

  /** Without it they are good until a restart, so that a full disk costs no link. */
  function keep(metadata: Kept): void {
    try {
      replaceFile(join(folder, KEPT_FILE), JSON.stringify(metadata));
    } catch (error) {
      const detail = `the last good ones cannot be kept (${(error as NodeJS.ErrnoException).code})`;
      log.warn({ code: 'M4C_METADATA', detail }, 'metadata of the federation not kept');
    }
  }

  async function read(xml: string, signal: AbortSignal): Promise<FederationMetadata> {
    const reading = { xml, signers, now: clock.now() };
    return xml.length <= READ_AT_ONCE ? readMetadata(xml, reading) : readInThread(reading, signal, clock);
  }

  /** What is good now of the current ones. */
  function good(): FederationMetadata | undefined {
    const now = clock.now();
    return current && current.validUntil > now ? validAt(current, now) : undefined;
  }

  async function take(xml: string, signal: AbortSignal): Promise<void> {
    const metadata = await read(xml, signal);
    checkNewer(metadata, floor);
    const isNew = metadata.digest !== current?.digest;
    floor = floorAfter(floor, metadata, current);
    if (isNew) keep({ floor, xml });
    current = metadata;
    lastRead = clock.now();
    fault = undefined;
    if (!isNew) return;
    const { validUntil, idps, gateways } = metadata;
    log.info(
      { validUntil: new Date(validUntil).toISOString(), idps: idps.length, gateways: gateways.length },
      'metadata of the federation taken',
    );
    tell();
  }

  function tell(): void {
    told = sizeOf(good());
    awaitEnd();
    for (const listener of listeners) listener();
  }

  function awaitEnd(): void {
    cancelEnd();
    const left = current ? endAfter(current, clock.now()) - clock.now() : END_LOOK_MS;
    cancelEnd = clock.after(Math.min(left, END_LOOK_MS), () => {
      const now = good();
      if (sizeOf(now) === told) return awaitEnd();
      if (now)
        log.info(
          { idps: now.idps.length, gateways: now.gateways.length },
          'entities of the federation have ended',
        );
      else
        log.warn({ code: 'M4C_METADATA' }, 'the metadata of the federation have expired: no partner logs in');
      tell();
    });
  }

  async function refresh(signal: AbortSignal): Promise<void> {
    try {
      await take(await fetchXml(settings, signal), signal);
    } catch (thrown) {
      if (!(thrown instanceof Mom4cError)) throw thrown;
      const { code, detail } = thrown;
      // One line for one reason, however often it is met.
      if (fault?.code !== code || fault.detail !== detail)
        log.warn({ code, detail }, 'metadata of the federation cannot be used');
      fault = { code, detail };
      throw thrown;
    }
  }

  /** Is there something to read that was not read before? */
  function isDue(): boolean {
    if (source.kind === 'url') return true;
    const seen = stampOf(source.path);
    if (seen === fileSeen) return false;
    fileSeen = seen;
    return true;
  }

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      await pause(
        source.kind === 'file' ? FILE_LOOK_MS : jittered(refreshMs, random),
        clock,
        stopping.signal,
      );
      if (!stopping.signal.aborted && isDue()) await refresh(stopping.signal).catch(ignoreRefusal);
    }
  }

  told = sizeOf(good());
  awaitEnd();
  isDue();
  await refresh(stopping.signal).catch(ignoreRefusal);
  const watching = watch().catch((error: unknown) =>
    log.error({ err: error }, 'the metadata of the federation are not followed any more'),
  );

  return {
    get() {
      if (!current)
        throw new Mom4cError('M4C_METADATA', `there are none yet${fault?.detail ? `: ${fault.detail}` : ''}`);
      const now = good();
      if (!now) throw new Mom4cError('M4C_METADATA', 'they have expired');
      return now;
    },
    status: () => ({
      source: source.kind === 'file' ? source.path : source.url.href,
      validUntil: current?.validUntil,
      lastRead,
      fault,
    }),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    refresh,
    async stop() {
      stopping.abort();
      cancelEnd();
      await watching;
    },
  };
}

function sizeOf(metadata: FederationMetadata | undefined): number {
  return metadata ? 1 + metadata.idps.length + metadata.gateways.length : 0;
}

/** The next time at which something of them ends. */
function endAfter({ validUntil, idps, gateways }: FederationMetadata, now: number): number {
  const ends = [...idps, ...gateways].map((entity) => entity.validUntil ?? validUntil);
  return Math.min(...[validUntil, ...ends].filter((end) => end > now));
}

async function fetchXml({ source, https }: FederationSettings, signal: AbortSignal): Promise<string> {
  if (source.kind === 'file') return readFile(source.path);
  const { status, text } = await https(
    {
      url: source.url,
      trust: source.trust,
      maxOctets: MAX_OCTETS,
      faults: {
        what: 'metadata of the federation',
        unreachable: 'M4C_METADATA',
        untrusted: 'M4C_METADATA',
        answer: 'M4C_METADATA',
      },
    },
    signal,
  );
  if (status !== 200) throw new Mom4cError('M4C_METADATA', `${source.url.href} answers ${status}`);
  return text;
}

function readFile(path: string): string {
  try {
    if (statSync(path).size > MAX_OCTETS) throw new Mom4cError('M4C_METADATA', `${path}: is too large`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Mom4cError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new Mom4cError('M4C_METADATA', `${path}: cannot be read (${code})`, { cause: error });
  }
}

function readKept(path: string, log: Log): Kept | undefined {
  try {
    return keptSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      log.warn({ path }, 'the kept metadata cannot be read');
    return undefined;
  }
}

/** From three quarters to five quarters, so that many gateways do not ask in step. */
function jittered(ms: number, random: Random): number {
  const fraction = Buffer.from(random.bytes(4)).readUInt32BE(0) / 2 ** 32;
  return Math.round(ms * (0.75 + fraction / 2));
}

/** It has been said and is in the status. */
function ignoreRefusal(error: unknown): void {
  if (!(error instanceof Mom4cError)) throw error;
}

const codeOf = (error: unknown): string =>
  asMom4cError(
    error,
    () => '',
    () => {},
  ).code;
const detailOf = (error: unknown): string | undefined => (error as Mom4cError).detail;
