// Mutations seen red, one each: a link that an administrator ended counted as away; the end of the metadata not looked at; a
// code that is none of ours taken as an index.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FederationReport, LinkReport } from '@mom4c/commands';
import { ERRORS } from '@mom4c/core';
import { reportOf } from './federation-check.ts';

const NOW = 1_800_000_000;
const counts = { sent: 0, received: 0, bounced: 0, dropped: 0, ups: 0, downs: 0, queued: 0, present: 0 };

const link = (partner: string, state: LinkReport['state'], more: Partial<LinkReport> = {}): LinkReport => ({
  ...{ partner, level: 'sso', state, since: NOW, out: [], in: [], ...counts, ...more },
});

function found(links: LinkReport[], idp?: Partial<NonNullable<FederationReport['idp']>>) {
  const usual = { session: true, logins: 1, means: 'New links need no log-in.' };
  const gateway = { name: 'gw1', version: '1.0.0', since: NOW };
  const report = reportOf({ gateway, hosts: [], links, ...(idp && { idp: { ...usual, ...idp } }) }, NOW);
  assert.ok(!('skipped' in report));
  return { says: report.says, remedy: report.warn?.remedy };
}

test('all is well: links that are up, and those that an administrator has ended', () => {
  assert.deepEqual(found([link('beta.test', 'up'), link('gamma.test', 'disconnected')], {}), {
    says: 'gw1: 1 of 2 links are up; disconnected: gamma.test',
    remedy: undefined,
  });
});

test('a partner that is away: who, why, and what to do about that', () => {
  const reason = { code: 'M4C_IDP_UNREACHABLE', detail: 'ECONNREFUSED' };
  assert.deepEqual(found([link('beta.test', 'waiting', { reason }), link('gamma.test', 'up')]), {
    says: 'gw1: 1 of 2 links are up; beta.test is away (M4C_IDP_UNREACHABLE: ECONNREFUSED)',
    remedy: ERRORS.M4C_IDP_UNREACHABLE.fix,
  });
  const foreign = { code: 'constructor' };
  assert.equal(found([link('beta.test', 'down', { reason: foreign })]).remedy, ERRORS.M4C_PARTNER_DOWN.fix);
});

test('what will be wrong soon, and what is weaker than it could be', () => {
  const fault = found([link('beta.test', 'up')], { fault: 'M4C_IDP_LOGIN', means: 'New links wait.' });
  assert.match(fault.says, /; identity provider: M4C_IDP_LOGIN; New links wait\.$/);
  assert.equal(fault.remedy, ERRORS.M4C_IDP_LOGIN.fix);
  assert.equal(found([], { metadataUntil: NOW + 3 * 86_400 }).remedy, undefined);
  assert.match(found([], { metadataUntil: NOW + 86_400 }).says, /; the metadata are valid until 2027-01-16T/);
  assert.equal(found([], { metadataUntil: NOW + 86_400 }).remedy, ERRORS.M4C_METADATA.fix);
  const low = found([link('beta.test', 'up', { level: 'verified', warning: 'no certificate' })]);
  assert.match(low.says, /; below sso: beta\.test$/);
  assert.match(low.remedy!, /^Raise the level/);
});
