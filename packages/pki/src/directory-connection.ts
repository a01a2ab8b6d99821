/**
 * One connection to an LDAP server (RFC 4511) over TLS with both certificates, bound by the client's (SASL EXTERNAL,
 * RFC 4513 §5.2.3). Made when it is needed, kept, made anew after it was lost.
 */
import { checkServerIdentity } from 'node:tls';
import { Client, NoSuchObjectError, ResultCodeError } from 'ldapts';
import type { Attribute, Change, Entry, SearchOptions } from 'ldapts';
import { Mom4cError } from '@mom4c/core';
import type { Log } from '@mom4c/core';
import { toPem } from './certificates.ts';
import type { Authority } from './certificates.ts';
import type { Identity } from './identity.ts';

export type DirectoryOptions = {
  /** `ldaps://ldap.alpha.test:636`. */
  readonly url: string;
  /** `dc=alpha,dc=test`; the certificates lie in `ou=devices` under it. */
  readonly base: string;
  /** Has issued the server's certificate and those in the directory. */
  readonly authority: Authority;
  readonly identity: Identity;
  readonly log: Log;
};

/** Errors of all: M4C_DIRECTORY_UNREACHABLE, M4C_TLS, M4C_DIRECTORY_ENTRY (the server refused). */
export type DirectoryConnection = {
  /** Nothing where the base does not exist. More than `MAX_ENTRIES` are an error. */
  search(base: string, options: Pick<SearchOptions, 'scope' | 'filter'>): Promise<Entry[]>;
  add(dn: string, attributes: Attribute[]): Promise<void>;
  modify(dn: string, changes: Change[]): Promise<void>;
  remove(dn: string): Promise<void>;
  close(): Promise<void>;
};

export const CERTIFICATE_ATTRIBUTE = 'userCertificate;binary';
/** Entries in one answer: no cluster is that large, and an answer is kept in memory. */
const MAX_ENTRIES = 10_000;
const PAGE_SIZE = 200;
const REQUEST_LIMIT_MS = 10_000;
const CONNECT_LIMIT_MS = 10_000;

export function connectDirectory({ url, authority, identity, log }: DirectoryOptions): DirectoryConnection {
  if (!url.startsWith('ldaps://'))
    throw new Mom4cError('M4C_DIRECTORY_UNREACHABLE', 'the URL must begin with ldaps://');
  let client: Client | undefined;
  let opening: Promise<Client> | undefined;
  let closed = false;

  const open = async (): Promise<Client> => {
    const next = new Client({
      url,
      timeout: REQUEST_LIMIT_MS,
      connectTimeout: CONNECT_LIMIT_MS,
      tlsOptions: tlsOptions(),
    });
    try {
      await next.bind('EXTERNAL');
    } catch (error) {
      await next.unbind().catch(() => {});
      throw error;
    }
    client = next;
    log.debug({ url }, 'connected to the directory');
    return next;
  };

  const tlsOptions = () => ({
    ca: authority.pem,
    cert: toPem('CERTIFICATE', identity.certificate.der),
    key: identity.key.export({ type: 'pkcs8', format: 'pem' }),
    minVersion: 'TLSv1.2' as const,
    checkServerIdentity,
  });

  /** Concurrent callers share one attempt. */
  const bound = (): Promise<Client> => {
    if (closed) return Promise.reject(new Mom4cError('M4C_STOPPED', 'the directory is closed'));
    if (client?.isBound) return Promise.resolve(client);
    opening ??= open().finally(() => (opening = undefined));
    return opening;
  };

  const run = async <Result>(
    operation: (client: Client) => Promise<Result>,
    mayRepeat: boolean,
  ): Promise<Result> => {
    const before = client;
    let used: Client | undefined;
    try {
      used = await bound();
      return await operation(used);
    } catch (error) {
      // A kept connection may have died unnoticed; what only reads is tried once more on a new one.
      const wasKept = used !== undefined && used === before;
      if (
        mayRepeat &&
        wasKept &&
        !closed &&
        !(error instanceof ResultCodeError) &&
        !(error instanceof Mom4cError)
      )
        return run(operation, false);
      throw asDirectoryError(error, url);
    }
  };

  return {
    search: (base, options) => run((connected) => searchAll(connected, base, options), true),
    add: (dn, attributes) => run((connected) => connected.add(dn, attributes), false),
    modify: (dn, changes) => run((connected) => connected.modify(dn, changes), false),
    remove: (dn) => run((connected) => connected.del(dn), false),
    async close() {
      closed = true;
      await opening?.catch(() => {});
      await client?.unbind().catch(() => {});
      client = undefined;
    },
  };
}

async function searchAll(
  client: Client,
  base: string,
  options: Pick<SearchOptions, 'scope' | 'filter'>,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  const request = {
    ...options,
    attributes: [CERTIFICATE_ATTRIBUTE],
    explicitBufferAttributes: [CERTIFICATE_ATTRIBUTE],
  };
  try {
    for await (const page of client.searchPaginated(base, { ...request, paged: { pageSize: PAGE_SIZE } })) {
      entries.push(...page.searchEntries);
      if (entries.length > MAX_ENTRIES)
        throw new Mom4cError('M4C_DIRECTORY_ENTRY', `more than ${MAX_ENTRIES} entries`);
    }
  } catch (error) {
    if (!(error instanceof NoSuchObjectError)) throw error;
  }
  return entries;
}

/** The values of an entry's certificate attribute. */
export function certificatesOf(entry: Entry): Buffer[] {
  const value = entry[CERTIFICATE_ATTRIBUTE];
  const list = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return list.filter((item) => Buffer.isBuffer(item));
}

function asDirectoryError(error: unknown, url: string): Mom4cError {
  if (error instanceof Mom4cError) return error;
  // Texts of the server are not passed on: it could write anything there.
  if (error instanceof ResultCodeError)
    return new Mom4cError('M4C_DIRECTORY_ENTRY', `LDAP result ${error.code}`, { cause: error });
  const { code = '' } = error as NodeJS.ErrnoException;
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME/.test(code))
    return new Mom4cError('M4C_TLS', `${url}: ${code}`, { cause: error });
  return new Mom4cError('M4C_DIRECTORY_UNREACHABLE', url, { cause: error });
}
