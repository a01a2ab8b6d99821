/** Mutation seen red: the list never made anew; made anew each time; half of its time, or a clock put back, not looked at;
 *  the number starting over with a new process; only the revocations that are remembered counted. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemRandom as random } from '@mom4c/core';
import { createAuthority } from '@mom4c/pki';
import { createCertificateStore } from './certificate-store.ts';
import { openDatabase } from './database.ts';
import { createIssuing } from './issuing.ts';
import { createRevocationList } from './revocation-list.ts';

const HOUR = 3_600_000;
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

test('the list is kept until something is revoked or half of its time is over; its number only grows', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-list-'));
  const database = openDatabase(folder);
  t.after(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });
  let now = Date.UTC(2026, 5, 1);
  const clock = { now: () => now };
  const domain = 'alpha.test';
  const { key: authorityKey, authority } = await createAuthority({ domain, clock, random, validityDays: 99 });
  const certificates = createCertificateStore(database, clock);
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const parts = { authority, authorityKey, database, certificates, clock };
  const issuing = createIssuing({ ...parts, domain, validityDays: 9, random, log });
  const numberNow = async (list = createRevocationList(parts)): Promise<number> => {
    await list.current();
    return (database.prepare('SELECT number FROM revocation_list').get() as { number: number }).number;
  };

  const list = createRevocationList(parts);
  const [one, same] = await Promise.all([list.current(), list.current()]);
  assert.deepEqual(one, same);
  assert.equal(await numberNow(), 1);
  now += 12 * HOUR - 1;
  assert.equal(await numberNow(), 1, 'also after a restart');
  now += 1;
  assert.equal(await numberNow(), 2);
  now -= HOUR;
  assert.equal(await numberNow(), 3, 'the clock was put back');

  const settle = () => {};
  const wish = {
    name: 'te1',
    role: 'te',
    publicKey,
    renews: undefined,
    algorithms: undefined,
    audit: {},
    settle,
  } as const;
  await issuing.issueMember(wish);
  assert.equal(await numberNow(), 3, 'issuing changes nothing');
  const [revoked] = certificates.revoke({ name: 'te1' }, 'superseded');
  assert.ok(Buffer.from(await list.current()).includes(Buffer.from(revoked!.serial, 'hex')));
  assert.equal(await numberNow(), 4);

  // As many revoked as were forgotten since: the number of those that are remembered is the same.
  now += 11 * HOUR;
  const again = await issuing.issueMember(wish);
  database.prepare('UPDATE certificates SET not_after = 0 WHERE serial = ?').run(revoked!.serial);
  assert.equal(certificates.purge(), 1);
  assert.equal(await numberNow(), 4, 'forgetting changes nothing');
  certificates.revoke({ name: 'te1' }, 'superseded');
  assert.ok(Buffer.from(await list.current()).includes(Buffer.from(again.serial, 'hex')));
});
