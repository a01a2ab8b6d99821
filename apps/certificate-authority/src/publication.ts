/**
 * Brings certificates into the directory, in the order in which they were issued, and takes out those that were revoked.
 * What is still to be done is in the database, so that neither a directory that is down nor a restart loses any.
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
  readonly certificates: Pick<CertificateStore, 'unpublished' | 'published' | 'unwithdrawn' | 'withdrawn'>;
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
    // Revoked ones first: as long as the directory has them they are believed.
    const work = [
      ...certificates.unwithdrawn().map((certificate) => ({ certificate, perform: withdraw })),
      ...certificates.unpublished().map((certificate) => ({ certificate, perform: publish })),
    ];
    for (const { certificate, perform } of work) {
      if (isStopped) return false;
      try {
        await perform(certificate);
      } catch (error) {
        isComplete = false;
        logFailure(certificate, error);
        // The others would fail alike; with an entry that is refused they need not.
        if (!(error instanceof Mom4cError) || error.retryable) return false;
      }
    }
    // The store gives them in portions.
    isWoken ||= isComplete && certificates.unwithdrawn().length + certificates.unpublished().length > 0;
    return isComplete;
  };

  const withdraw = async (certificate: Certificate): Promise<void> => {
    await publisher.unpublish(certificate);
    certificates.withdrawn(certificate);
    log.info({ serial: certificate.serial, name: certificate.name }, 'certificate withdrawn');
  };

  const publish = async (certificate: Certificate): Promise<void> => {
    await publisher.publish(certificate);
    certificates.published(certificate);
    log.info({ serial: certificate.serial, name: certificate.name }, 'certificate published');
  };

  /** The database is locked or damaged: nothing that a later round could not find mended. */
  const storeFailed = (error: unknown): boolean => {
    log.error({ err: error }, 'publication failed, trying again later');
    return false;
  };

  const logFailure = ({ serial, name }: Certificate, error: unknown): void => {
    const code = error instanceof Mom4cError ? error.code : undefined;
    const detail = error instanceof Mom4cError ? error.detail : undefined;
    const err = code ? undefined : error;
    log.warn({ serial, name, code, detail, err }, 'the directory does not know of a certificate yet');
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
