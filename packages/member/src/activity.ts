/** What a member does, counted: letters by what was done with them, sessions by what became of them. */
import type { Opener, Sealer, Signer, Verifier } from '@mom4c/core';
import { commonMetrics } from '@mom4c/runtime';
import type { MetricDefinition, Metrics } from '@mom4c/runtime';
import type { XmppSession } from '@mom4c/xmpp';

export type LetterOperation = 'signed' | 'verified' | 'sealed' | 'opened';

/** How often the directory was asked: see `LdapDirectory`. */
export type DirectoryActivity = { readonly lookups: number; readonly refreshes: number };

export class Activity {
  readonly directory: DirectoryActivity;
  readonly letters: Record<LetterOperation, number> = { signed: 0, verified: 0, sealed: 0, opened: 0 };
  /** By resource. */
  readonly sessions = new Map<string, { session: XmppSession; logins: number }>();

  constructor(directory: DirectoryActivity) {
    this.directory = directory;
  }

  watchSession(resource: string, session: XmppSession): XmppSession {
    const entry = { session, logins: 0 };
    this.sessions.set(resource, entry);
    session.on('online', () => void (entry.logins += 1));
    return session;
  }

  signer(signer: Signer): Signer {
    return {
      certificate: signer.certificate,
      signDetached: (content) => this.#counted('signed', signer.signDetached(content)),
      signEnclosed: (content) => this.#counted('signed', signer.signEnclosed(content)),
    };
  }

  verifier(verifier: Verifier): Verifier {
    return { verify: (...given) => this.#counted('verified', verifier.verify(...given)) };
  }

  sealer(sealer: Sealer): Sealer {
    return {
      sealTo: (...given) => this.#counted('sealed', sealer.sealTo(...given)),
      sealUnder: (...given) => this.#counted('sealed', sealer.sealUnder(...given)),
    };
  }

  opener(opener: Opener): Opener {
    return { open: (...given) => this.#counted('opened', opener.open(...given)) };
  }

  /** Only what succeeded; what fails is counted as refused. */
  async #counted<Value>(operation: LetterOperation, work: Promise<Value>): Promise<Value> {
    const value = await work;
    this.letters[operation] += 1;
    return value;
  }
}

export const memberMetrics = {
  info: commonMetrics.info,
  refused: {
    name: 'refused_total',
    type: 'counter',
    help: 'Letters and requests that were refused, also those that were dropped unread.',
    labels: { code: 'of the catalogue of errors' },
  },
  letters: {
    name: 'letters_total',
    type: 'counter',
    help: 'Letters that were signed, sealed, opened or verified with success.',
    labels: { operation: '`signed`, `sealed`, `opened`, `verified`' },
  },
  lookups: {
    name: 'directory_lookups_total',
    type: 'counter',
    help: 'Questions to the directory that somebody had to wait for; warm paths need none.',
  },
  refreshes: {
    name: 'directory_refreshes_total',
    type: 'counter',
    help: 'Questions to the directory that were asked ahead, with nobody waiting.',
  },
  online: {
    name: 'xmpp_session_online',
    type: 'gauge',
    help: '1 while the session is logged in.',
    labels: { session: 'resource of its address' },
  },
  logins: {
    name: 'xmpp_logins_total',
    type: 'counter',
    help: 'Log-ins; all but the first are reconnections.',
    labels: { session: 'resource of its address' },
  },
  dropped: {
    name: 'xmpp_stanzas_dropped_total',
    type: 'counter',
    help: 'Stanzas that nobody got to see.',
    labels: { session: 'resource of its address', reason: 'why, in words' },
  },
  expiry: commonMetrics.expiry,
} as const satisfies Record<string, MetricDefinition>;

/** What all members have in common. */
export function watchMember(
  metrics: Metrics,
  {
    activity,
    certificate,
    authority,
    version,
  }: {
    activity: Activity;
    certificate: { readonly notAfter: number };
    authority: { readonly notAfter: number };
    version: string;
  },
): void {
  metrics.watch(memberMetrics.info, () => [[{ version }, 1]]);
  metrics.watch(memberMetrics.letters, () =>
    Object.entries(activity.letters).map(([operation, count]) => [{ operation }, count] as const),
  );
  metrics.watch(memberMetrics.lookups, () => activity.directory.lookups);
  metrics.watch(memberMetrics.refreshes, () => activity.directory.refreshes);
  metrics.watch(memberMetrics.online, () =>
    [...activity.sessions].map(([session, of]) => [{ session }, Number(of.session.online)] as const),
  );
  metrics.watch(memberMetrics.logins, () =>
    [...activity.sessions].map(([session, of]) => [{ session }, of.logins] as const),
  );
  metrics.watch(memberMetrics.dropped, () =>
    [...activity.sessions].flatMap(([session, of]) =>
      Object.entries(of.session.dropped).map(([reason, count]) => [{ session, reason }, count] as const),
    ),
  );
  metrics.watch(memberMetrics.expiry, () => [
    [{ certificate: 'own' }, certificate.notAfter / 1000],
    [{ certificate: 'authority' }, authority.notAfter / 1000],
  ]);
}
