/**
 * One connection to an LDAP server (RFC 4511) over TLS with both certificates, bound by the client's (SASL EXTERNAL,
 * RFC 4513 §5.2.3). Made when it is needed, kept, made anew after it was lost.
 */
import type { Socket } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { Client, NoSuchObjectError, ResultCodeError } from 'ldapts';
import type { Attribute, Change, Entry, SearchOptions } from 'ldapts';
import { Mom4cError } from '@mom4c/core';
import type { Log } from '@mom4c/core';
import { toPem } from './certificates.ts';
import type { Authority } from './certificates.ts';
import type { Identity } from './identity.ts';
import { createLdapGuard } from './ldap-guard.ts';
import type { LdapGuard } from './ldap-guard.ts';

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
/** In one entry; the authority keeps four. */
const MAX_CERTIFICATES = 8;
/** Entries in all pages of an answer: no cluster is that large, and an answer is kept in memory. */
const MAX_ENTRIES = 10_000;
/** Octets in all pages: as many entries with their four certificates, and half as much again. */
const MAX_ANSWER = 64 * 1024 * 1024;
const VALUE_OVERHEAD = 16;
const PAGE_SIZE = 200;
const REQUEST_LIMIT_MS = 10_000;
/** All pages together. */
const SEARCH_LIMIT_MS = 30_000;
const CONNECT_LIMIT_MS = 10_000;

export function connectDirectory({ url, authority, identity, log }: DirectoryOptions): DirectoryConnection {
  if (!url.startsWith('ldaps://'))
    throw new Mom4cError('M4C_DIRECTORY_UNREACHABLE', 'the URL must begin with ldaps://');
  let client: Client | undefined;
  let opening: Promise<Client> | undefined;
  let closed = false;
  /** Why a connection was ended by us. */
  const faults = new WeakMap<Client, Mom4cError>();

  const open = async (): Promise<Client> => {
    const next = guarded(
      new Client({
        url,
        timeout: REQUEST_LIMIT_MS,
        connectTimeout: CONNECT_LIMIT_MS,
        tlsOptions: tlsOptions(),
      }),
      (error) => {
        faults.set(next, error);
        if (client === next) client = undefined;
      },
    );
    try {
      await next.bind('EXTERNAL');
    } catch (error) {
      await next.unbind().catch(() => {});
      throw faults.get(next) ?? error;
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
    } catch (thrown) {
      const error = (used && faults.get(used)) ?? thrown;
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

/** Octets of the server pass `createLdapGuard` on their way to the client; at its first fault the connection ends. */
function guarded(client: Client, onFault: (error: Mom4cError) => void): Client {
  // Not public, so the version is pinned and the tests with a hostile server are red without it.
  const inside = client as unknown as {
    socketDataHandler: (this: Socket, octets: Buffer) => void;
    /** Of requests without the end of their answer. */
    readonly messageDetailsByMessageId: ReadonlyMap<string, unknown>;
  };
  const isOutstanding = (id: number): boolean => inside.messageDetailsByMessageId.has(String(id));
  const parse = inside.socketDataHandler;
  const guards = new WeakMap<Socket, LdapGuard>();
  inside.socketDataHandler = function (octets) {
    let guard = guards.get(this);
    if (!guard)
      guards.set(this, (guard = createLdapGuard((message) => parse.call(this, message), isOutstanding)));
    try {
      guard.write(octets);
    } catch (thrown) {
      const error =
        thrown instanceof Mom4cError
          ? thrown
          : new Mom4cError('M4C_DIRECTORY_ENTRY', 'an answer that cannot be parsed', { cause: thrown });
      onFault(error);
      this.destroy(error);
    }
  };
  return client;
}

async function searchAll(
  client: Client,
  base: string,
  options: Pick<SearchOptions, 'scope' | 'filter'>,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  let octets = 0;
  const limit = performance.now() + SEARCH_LIMIT_MS;
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
      octets += page.searchEntries.reduce((sum, entry) => sum + octetsOf(entry), 0);
      if (octets > MAX_ANSWER)
        throw new Mom4cError('M4C_DIRECTORY_ENTRY', `more than ${MAX_ANSWER} octets in one answer`);
      if (performance.now() > limit) throw new Mom4cError('M4C_DIRECTORY_ENTRY', 'an answer without end');
    }
  } catch (error) {
    if (!(error instanceof NoSuchObjectError)) throw error;
  }
  return entries;
}

function octetsOf(entry: Entry): number {
  const values = Object.values(entry).flat();
  return values.reduce((sum, value) => sum + VALUE_OVERHEAD + Buffer.byteLength(value), 0);
}

/** The values of an entry's certificate attribute. @throws Mom4cError M4C_DIRECTORY_ENTRY for more than anybody has */
export function certificatesOf(entry: Entry): Buffer[] {
  const value = entry[CERTIFICATE_ATTRIBUTE];
  const list = Array.isArray(value) ? value : value === undefined ? [] : [value];
  if (list.length > MAX_CERTIFICATES)
    throw new Mom4cError('M4C_DIRECTORY_ENTRY', `an entry with ${list.length} certificates`);
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
