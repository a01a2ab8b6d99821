/** Enrolment tokens: random, bound to a name and role, used once. */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { Mom4cError, parseDuration } from '@mom4c/core';
import type { Clock, Random } from '@mom4c/core';
import { checkGrant } from './config.ts';
import type { Grant } from './config.ts';

/** Milliseconds since 1970. */
export type NewToken = { readonly token: string; readonly expires: number };
export type TokenWish = { name: string; role: string; ttl: string; legacy?: boolean | undefined };
export type TokenGrant = Grant & {
  /** Its bearer may use weak algorithms: DES, 3DES, SHA-1. */
  readonly legacy: boolean;
};
/** What a token was used for. */
export type TokenUse = { readonly serial: string; readonly transactionId: string };

export type TokenStore = {
  /** @param wish `ttl` as `15m`, `1h`, `2d`; at most 7d, with `legacy` 1h  @param by who makes it  @throws Mom4cError M4C_BAD_ARGUMENTS */
  create(wish: TokenWish, by: string): NewToken;
  /** Whom it is for. Does not use it up. @throws Mom4cError M4C_TOKEN_INVALID, M4C_TOKEN_EXPIRED */
  check(token: string): TokenGrant;
  /** Call it inside of the transaction that records the certificate. @throws as `check` */
  consume(token: string, use: TokenUse): void;
  /** Of one that was used and has not expired. */
  useOf(token: string): (TokenUse & TokenGrant) | undefined;
  /** Is there one, not expired, that allows weak algorithms? */
  isLegacyAwaited(): boolean;
  /** Makes those of a name that are not used yet worthless. @returns how many that were */
  void(name: string): number;
  /** Makes those that an administrator made for others, and that are not used yet, worthless. @returns how many that were */
  voidMadeBy(name: string): number;
  /** Forgets what expired long ago. @returns how many that were */
  purge(): number;
};

const TOKEN_OCTETS = 20;
const MAX_TTL = 7 * 86_400_000;
const MAX_LEGACY_TTL = 3_600_000;
const MIN_TTL = 1000;
/** How long an expired token is still told apart from one that never was. */
const REMEMBER_EXPIRED = 30 * 86_400_000;

type Row = Grant & {
  expires: number;
  used: number | null;
  legacy: number;
  serial: string | null;
  transaction_id: string | null;
};

export function createTokenStore(
  database: DatabaseSync,
  clock: Pick<Clock, 'now'>,
  random: Random,
): TokenStore {
  const insert = database.prepare(
    'INSERT INTO tokens (hash, name, role, expires, legacy, made_by) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const select = database.prepare('SELECT * FROM tokens WHERE hash = ?');
  const use = database.prepare(
    'UPDATE tokens SET used = ?, serial = ?, transaction_id = ? WHERE hash = ? AND used IS NULL AND expires > ?',
  );
  const awaited = database.prepare('SELECT 1 FROM tokens WHERE legacy = 1 AND expires > ? LIMIT 1');
  const spoil = database.prepare(
    'UPDATE tokens SET used = ? WHERE name = ? AND used IS NULL AND expires > ?',
  );
  const spoilMadeBy = database.prepare(
    'UPDATE tokens SET used = ? WHERE made_by = ? AND used IS NULL AND expires > ?',
  );
  const forget = database.prepare('DELETE FROM tokens WHERE expires < ?');

  const find = (token: string): Row | undefined => select.get(hashOf(token)) as Row | undefined;

  const check = (token: string): TokenGrant => {
    const row = find(token);
    if (!row || row.used !== null) throw new Mom4cError('M4C_TOKEN_INVALID');
    if (row.expires <= clock.now()) throw new Mom4cError('M4C_TOKEN_EXPIRED');
    return grantOf(row);
  };

  return {
    create({ ttl, legacy = false, ...wish }, by) {
      const { name, role } = checkGrant(wish);
      const lasts = parseDuration(ttl);
      if (lasts < MIN_TTL || lasts > MAX_TTL)
        throw new Mom4cError('M4C_BAD_ARGUMENTS', 'ttl: between 1s and 7d');
      if (legacy && lasts > MAX_LEGACY_TTL)
        throw new Mom4cError('M4C_BAD_ARGUMENTS', 'ttl: at most 1h where weak algorithms are allowed');
      const token = Buffer.from(random.bytes(TOKEN_OCTETS)).toString('base64url');
      const now = clock.now();
      forget.run(now - REMEMBER_EXPIRED);
      insert.run(hashOf(token), name, role, now + lasts, legacy ? 1 : 0, by);
      return { token, expires: now + lasts };
    },

    check,

    consume(token, { serial, transactionId }) {
      const now = clock.now();
      if (use.run(now, serial, transactionId, hashOf(token), now).changes === 1) return;
      check(token);
      throw new Mom4cError('M4C_TOKEN_INVALID');
    },

    useOf(token) {
      const row = find(token);
      if (!row || row.serial === null || row.transaction_id === null) return undefined;
      if (row.expires <= clock.now()) return undefined;
      return { ...grantOf(row), serial: row.serial, transactionId: row.transaction_id };
    },

    isLegacyAwaited: () => awaited.get(clock.now()) !== undefined,

    void(name) {
      const now = clock.now();
      return Number(spoil.run(now, name, now).changes);
    },

    voidMadeBy(name) {
      const now = clock.now();
      return Number(spoilMadeBy.run(now, name, now).changes);
    },

    purge: () => Number(forget.run(clock.now() - REMEMBER_EXPIRED).changes),
  };
}

function grantOf({ name, role, legacy }: Row): TokenGrant {
  return { name, role, legacy: legacy === 1 };
}

/**
 * A slow password hash is for what people choose. 160 random bits cannot be guessed however fast the hash is, and the
 * look-up by hash compares nothing secret octet by octet.
 */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
