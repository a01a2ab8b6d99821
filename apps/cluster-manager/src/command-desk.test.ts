// Red with the policy not asked for `nodes`.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { policyOf } from '@mom4c/access';
import { asMom4cError } from '@mom4c/core';
import type { Certificate, Role } from '@mom4c/core';
import type { PayloadOf } from '@mom4c/messaging';
import { CommandDesk } from './command-desk.ts';
import type { DeskParts } from './command-desk.ts';

const ANN = 'ann@people.alpha.test';
const OTTO = 'otto@people.alpha.test';
const publicKey = createPublicKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
const log = { debug() {}, info() {}, warn() {}, error() {} };

test('a selector that chooses nobody shows the labels to whom `nodes` would show them', async () => {
  const desk = makeDesk();
  const detailFor = async (role: Role, onBehalfOf?: string): Promise<string | undefined> => {
    const answer = await desk.request(request(role, onBehalfOf), `${role}1@alpha.test/a`);
    assert.ok(answer.type === 'rejected');
    assert.equal(answer.error.code, 'M4C_NO_TARGETS');
    return answer.error.detail;
  };
  const none = '1 named or enrolled, none has this label';
  assert.equal(await detailFor('admin'), `${none}; their labels are site=roof`);
  assert.equal(await detailFor('adapter', OTTO), `${none}; their labels are site=roof`);
  assert.equal(await detailFor('adapter', ANN), none);
});

/** As far as it gets before the journal. */
function makeDesk(): CommandDesk {
  const parts = {
    member: {
      clock: { now: () => 0, after: () => () => {} },
      service: 'cm@alpha.test',
      log,
      errorOf: (thrown: unknown) =>
        asMom4cError(
          thrown,
          () => '',
          () => {},
        ),
    },
    journal: { find: async () => undefined },
    roster: { executors: async () => ['te1'], labels: () => ({ site: 'roof' }) },
    leadership: { epoch: '1.1', check() {} },
    policy: policyOf({ [ANN]: 'viewer', [OTTO]: 'operator' }),
    observer: { rejected() {} },
  };
  return new CommandDesk(parts as unknown as DeskParts);
}

function request(role: Role, onBehalfOf: string | undefined) {
  const from = `${role}1@alpha.test`;
  const payload = {
    ...{ type: 'request', id: '01890a5d-ac96-774b-bcce-b302099a8057', from, to: 'cm@alpha.test' },
    ...{ time: 0, expires: 1000, name: 'listsensors', args: {}, labels: ['site=cellar'], timeout: 1000 },
    onBehalfOf,
  } as PayloadOf<'request'>;
  const signer: Certificate = {
    ...{ name: `${role}1`, role, domain: 'alpha.test', addresses: [from], publicKey },
    ...{ notBefore: 0, notAfter: 1000, issuer: 'ca', serial: '1', fingerprint: '1', der: Buffer.of() },
  };
  return { payload, signer, evidence: Buffer.of() };
}
