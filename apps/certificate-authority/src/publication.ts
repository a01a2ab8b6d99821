/**
 * Brings certificates into the directory, in the order in which they were issued. What is still to be published is in
 * the database, so that neither a directory that is down nor a restart loses any.
 */
import { jitteredBackoff, Mom4cError } from '@mom4c/core';
import type { Certificate, Clock, Log, Random } from '@mom4c/core';
import type { DirectoryPublisher } from '@mom4c/pki';
import type { CertificateStore } from './certificate-store.ts';

export type Publication = {
  /** There is something new. Returns at once. */
  wake(): void;
  stop(): Promise<void>;
};

export function startPublication(parts: {
  readonly certificates: Pick<CertificateStore, 'unpublished' | 'published'>;
  readonly publisher: DirectoryPublisher;
  readonly clock: Pick<Clock, 'after'>;
  readonly random: Random;
  readonly log: Log;
}): Publication {
  const { certificates, publisher, clock, random, log } = parts;
  const backoff = jitteredBackoff({ baseMs: 500, capMs: 60_000, random });
  let running: Promise<void> | undefined;
  let isWoken = false;
  let isStopped = false;
  let cancelRetry = (): void => {};

  const wake = (): void => {
    if (isStopped) return;
    isWoken = true;
    cancelRetry();
    running ??= run().finally(() => {
      running = undefined;
      // Woken between the last look and here.
      if (isWoken) wake();
    });
  };

  const run = async (): Promise<void> => {
    while (isWoken && !isStopped) {
      isWoken = false;
      if (await publishAll().catch(storeFailed)) backoff.reset();
      else if (!isStopped) cancelRetry = clock.after(backoff.next(), wake);
    }
  };

  /** @returns false if some are left */
  const publishAll = async (): Promise<boolean> => {
    let isComplete = true;
    for (const certificate of certificates.unpublished()) {
      if (isStopped) return false;
      try {
        await publisher.publish(certificate);
        certificates.published(certificate);
        log.info({ serial: certificate.serial, name: certificate.name }, 'certificate published');
      } catch (error) {
        isComplete = false;
        logFailure(certificate, error);
        // The others would fail alike; with an entry that is refused they need not.
        if (!(error instanceof Mom4cError) || error.retryable) return false;
      }
    }
    // The store gives them in portions.
    isWoken ||= isComplete && certificates.unpublished().length > 0;
    return isComplete;
  };

  /** The database is locked or damaged: nothing that a later round could not find mended. */
  const storeFailed = (error: unknown): boolean => {
    log.error({ err: error }, 'publication failed, trying again later');
    return false;
  };

  const logFailure = ({ serial, name }: Certificate, error: unknown): void => {
    const code = error instanceof Mom4cError ? error.code : undefined;
    const detail = error instanceof Mom4cError ? error.detail : undefined;
    log.warn({ serial, name, code, detail, err: code ? undefined : error }, 'certificate not published yet');
  };

  return {
    wake,
    async stop() {
      isStopped = true;
      cancelRetry();
      await running;
      await publisher.close();
    },
  };
}
