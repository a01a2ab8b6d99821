// Mutations seen red: the policy not asked for `nodes`; M4C_EPOCH told as a rejection; an entry whose requester cannot be
// verified now given up; an adopted command waited for until its deadline by a clock that is behind; no
// word to `Deliveries` of what was adopted, of a letter, or of its refusal.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { policyOf } from '@mom4c/access';
import { asMom4cError, Mom4cError } from '@mom4c/core';
import type { Certificate, Role } from '@mom4c/core';
import type { PayloadOf } from '@mom4c/messaging';
import { CommandDesk } from './command-desk.ts';
import type { DeskParts } from './command-desk.ts';

const ANN = 'ann@people.alpha.test';
const OTTO = 'otto@people.alpha.test';
const publicKey = createPublicKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
const ENTRY = {
  ...{ id: '01890a5d-ac96-774b-bcce-b302099a8057', command: 'ping', requester: 'admin1@alpha.test/a' },
  ...{ acceptedAt: 0, deadline: 1000, evidence: Buffer.of(), targets: ['te1'] },
};
const ROSTER_OF_TE1 = {
  executors: async () => ['te1'],
  labels: () => ({ site: 'cellar' }),
  present: () => ({ certificate: { addresses: ['te1@alpha.test'] } }),
};
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

test('a manager that is deposed while it accepts says so in a way that makes the next one be asked', async () => {
  const desk = makeDesk({
    journal: {
      find: async () => undefined,
      accept: async () => {
        throw new Mom4cError('M4C_EPOCH');
      },
    },
    roster: { executors: async () => ['te1'], labels: () => ({ site: 'cellar' }) },
  });
  await assert.rejects(desk.request(request('admin', undefined), 'admin1@alpha.test/a'), {
    code: 'M4C_NO_MANAGER',
    retryable: true,
  });
});

test('what cannot be adopted for a while is not given up', async () => {
  const pauses: (() => void)[] = [];
  let tries = 0;
  const desk = makeDesk({
    clock: { now: () => 0, after: (_ms: number, callback: () => void) => (pauses.push(callback), () => {}) },
    reopen: async () => {
      tries += 1;
      throw new Mom4cError('M4C_DIRECTORY_UNREACHABLE');
    },
    journal: { finish: async () => assert.fail('an outcome was made up') },
  });
  await desk.adopt([ENTRY]);
  // The first is the one that waits for executors.
  pauses.at(-1)!();
  assert.deepEqual([tries, pauses.length], [2, 2]);
});

test('a manager whose clock is an hour behind waits for an adopted command for no longer than it was given', async () => {
  const waits: number[] = [];
  const desk = makeDesk({
    clock: { now: () => 0, after: (ms: number) => (waits.push(ms), () => {}) },
    reopen: async () => request('admin', undefined),
    roster: { present: () => undefined },
  });
  const [acceptedAt, deadline] = [3_600_000, 3_605_000];
  await desk.adopt([{ ...ENTRY, acceptedAt, deadline }]);
  assert.equal(waits.at(-1), 5000);
});

test('what an executor may have begun in an earlier term is not refused because it does not take a letter of this one', async () => {
  const refused = Promise.withResolvers<void>();
  const desk = makeDesk({
    reopen: async () => request('admin', undefined),
    journal: { finish: async () => assert.fail('it may be at work') },
    roster: ROSTER_OF_TE1,
    outbox: {
      toExecutor: async () => {
        setImmediate(refused.resolve);
        throw new Mom4cError('M4C_EXPIRED');
      },
    },
  });
  await desk.adopt([ENTRY]);
  await refused.promise;
  assert.equal(desk.pendingCount, 1);
});

test('nor is what it was sent before in this term', async () => {
  const refused = Promise.withResolvers<void>();
  let letters = 0;
  const desk = makeDesk({
    journal: {
      find: async () => undefined,
      accept: async () => true,
      finish: async () => assert.fail('it may be at work'),
    },
    roster: ROSTER_OF_TE1,
    outbox: {
      async toExecutor() {
        letters += 1;
        if (letters === 1) return new Promise(() => {});
        setImmediate(refused.resolve);
        throw new Mom4cError('M4C_EXPIRED');
      },
    },
  });
  await desk.request(request('admin', undefined), 'admin1@alpha.test/a');
  desk.arrived('te1');
  await refused.promise;
  assert.deepEqual([letters, desk.pendingCount], [2, 1]);
});

test('what an executor does not take, and was sent once, is refused', async () => {
  const outcome = Promise.withResolvers<string>();
  const desk = makeDesk({
    journal: {
      find: async () => undefined,
      accept: async () => true,
      finish: async (_id: string, octets: Uint8Array) => outcome.resolve(Buffer.from(octets).toString()),
    },
    roster: ROSTER_OF_TE1,
    outbox: {
      toRequester: async () => {},
      toExecutor: async () => {
        throw new Mom4cError('M4C_EXPIRED');
      },
    },
  });
  await desk.request(request('admin', undefined), 'admin1@alpha.test/a');
  const { outcomes } = JSON.parse(await outcome.promise) as PayloadOf<'outcome'>;
  assert.deepEqual(
    outcomes.map(({ target, state, error }) => [target, state, error?.code]),
    [['te1', 'refused', 'M4C_EXPIRED']],
  );
});

type Change = {
  outbox?: object;
  clock?: object;
  journal?: object;
  roster?: object;
  reopen?: () => Promise<unknown>;
};

/** As far as it gets before the journal. */
function makeDesk(change: Change = {}): CommandDesk {
  const parts = {
    member: {
      clock: change.clock ?? { now: () => 0, after: () => () => {} },
      postbox: { reopen: change.reopen },
      service: 'cm@alpha.test',
      log,
      errorOf: (thrown: unknown) =>
        asMom4cError(
          thrown,
          () => '',
          () => {},
        ),
    },
    journal: change.journal ?? { find: async () => undefined },
    roster: change.roster ?? { executors: async () => ['te1'], labels: () => ({ site: 'roof' }) },
    leadership: { epoch: '1.1', check() {} },
    policy: policyOf({ [ANN]: 'viewer', [OTTO]: 'operator' }),
    observer: { rejected() {}, accepted() {}, finished() {} },
    outbox: change.outbox,
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
