/** Enrolment tokens: random, bound to a name and role, used once. */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { Mom4cError, parseDuration } from '@mom4c/core';
import type { Clock, Random } from '@mom4c/core';
import { ENROLLED_ROLES, isEnrollableName } from './config.ts';
import type { EnrolledRole } from './config.ts';

/** Milliseconds since 1970. */
export type NewToken = { readonly token: string; readonly expires: number };
export type TokenGrant = { readonly name: string; readonly role: EnrolledRole };

export type TokenStore = {
  /** @param ttl as `15m`, `1h`, `2d`; at most 7d. @throws Mom4cError M4C_BAD_ARGUMENTS */
  create(grant: { name: string; role: string; ttl: string }): NewToken;
  /** Whom it is for. Does not use it up. @throws Mom4cError M4C_TOKEN_INVALID, M4C_TOKEN_EXPIRED */
  check(token: string): TokenGrant;
  /** Call it inside of the transaction that records the certificate. @throws as `check` */
  consume(token: string): void;
  /** Forgets what expired long ago. @returns how many that were */
  purge(): number;
};

const TOKEN_OCTETS = 20;
const MAX_TTL = 7 * 86_400_000;
const MIN_TTL = 1000;
/** How long an expired token is still told apart from one that never was. */
const REMEMBER_EXPIRED = 30 * 86_400_000;

type Row = { name: string; role: EnrolledRole; expires: number; used: number | null };

export function createTokenStore(
  database: DatabaseSync,
  clock: Pick<Clock, 'now'>,
  random: Random,
): TokenStore {
  const insert = database.prepare('INSERT INTO tokens (hash, name, role, expires) VALUES (?, ?, ?, ?)');
  const select = database.prepare('SELECT name, role, expires, used FROM tokens WHERE hash = ?');
  const use = database.prepare('UPDATE tokens SET used = ? WHERE hash = ? AND used IS NULL AND expires > ?');
  const forget = database.prepare('DELETE FROM tokens WHERE expires < ?');

  const check = (token: string): TokenGrant => {
    const row = select.get(hashOf(token)) as Row | undefined;
    if (!row || row.used !== null) throw new Mom4cError('M4C_TOKEN_INVALID');
    if (row.expires <= clock.now()) throw new Mom4cError('M4C_TOKEN_EXPIRED');
    return { name: row.name, role: row.role };
  };

  return {
    create({ name, role, ttl }) {
      if (!isEnrollableName(name))
        throw new Mom4cError('M4C_BAD_ARGUMENTS', 'name: not a name that a node may have');
      if (!isEnrolledRole(role))
        throw new Mom4cError('M4C_BAD_ARGUMENTS', `role: one of ${ENROLLED_ROLES.join(', ')}`);
      const lasts = parseDuration(ttl);
      if (lasts < MIN_TTL || lasts > MAX_TTL)
        throw new Mom4cError('M4C_BAD_ARGUMENTS', 'ttl: between 1s and 7d');
      const token = Buffer.from(random.bytes(TOKEN_OCTETS)).toString('base64url');
      const now = clock.now();
      forget.run(now - REMEMBER_EXPIRED);
      insert.run(hashOf(token), name, role, now + lasts);
      return { token, expires: now + lasts };
    },

    check,

    purge: () => Number(forget.run(clock.now() - REMEMBER_EXPIRED).changes),

    consume(token) {
      const now = clock.now();
      if (use.run(now, hashOf(token), now).changes === 1) return;
      check(token);
      throw new Mom4cError('M4C_TOKEN_INVALID');
    },
  };
}

/**
 * A slow password hash is for what people choose. 160 random bits cannot be guessed however fast the hash is, and the
 * look-up by hash compares nothing secret octet by octet.
 */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function isEnrolledRole(role: string): role is EnrolledRole {
  return ENROLLED_ROLES.some((known) => known === role);
}
