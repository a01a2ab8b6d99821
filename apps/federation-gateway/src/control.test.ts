// Mutations seen red, one each: `connect` that resolves before the link is up; one that waits for ever where the first
// try has failed; the wish not kept, or kept for a domain that is no partner; the warning left out; arguments not
// checked; the reason of a link that is up told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { federation, federationconnect, federationmetadata, federationpartners } from '@mom4c/commands';
import { checkResult, silentLog } from '@mom4c/core';
import type { Command } from '@mom4c/core';
import { fakeClock, isError } from './test-fakes.ts';
import { createControl } from './control.ts';
import type { Links } from './control.ts';
import type { LinkStatus } from './link/index.ts';
import type { Partner } from './partner.ts';

const beta: Partner = {
  domain: 'beta.test',
  level: 'sso',
  hosts: ['beta.test', 'conference.beta.test'],
  address: { host: 'gw.beta.test', port: 5269 },
  certificates: [Buffer.from('beta')],
  authority: undefined,
  agent: undefined,
  attributes: { role: ['gateway'] },
  connect: 'always',
};
const gamma: Partner = {
  ...beta,
  domain: 'gamma.test',
  hosts: ['gamma.test'],
  level: 'verified',
  address: 'srv',
};

const counts = {
  ...{
    sent: 1,
    sentOctets: 100,
    received: 2,
    receivedOctets: 200,
    bouncedOut: 3,
    bouncedIn: 4,
    dropped: 5,
    ups: 6,
    downs: 7,
  },
  replaced: 0,
};
const stream = {
  id: 's',
  local: 'alpha.test',
  remote: 'beta.test',
  address: '192.0.2.1:5269',
  tls: 'TLSv1.3',
};

function setUp() {
  const clock = fakeClock();
  const status = (partner: Partner): LinkStatus => ({
    partner: partner.domain,
    level: partner.level,
    state: 'disconnected',
    out: [],
    in: [],
    since: clock.now(),
    reason: undefined,
    counts,
    queue: { stanzas: 8, octets: 9 },
    present: 10,
  });
  const states = new Map([beta, gamma].map((partner) => [partner.domain, status(partner)]));
  const listeners = new Set<() => void>();
  const asked: string[] = [];
  const wishes: [string, boolean][] = [];
  const links: Links = {
    status: () => [...states.values()],
    connect: (domain) => void asked.push(`connect ${domain}`),
    disconnect: (domain) => void asked.push(`disconnect ${domain}`),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const control = createControl({
    name: 'gw1',
    hosts: ['alpha.test'],
    partners: {
      all: () => [beta, gamma],
      find: (domain) => [beta, gamma].find((one) => one.domain === domain),
      ofHost: () => undefined,
      onChange: () => () => {},
    },
    links,
    wishes: { isWanted: () => true, set: (domain, wanted) => void wishes.push([domain, wanted]) },
    agent: undefined,
    log: silentLog,
    clock,
  });
  const become = (domain: string, change: Partial<LinkStatus>): void => {
    states.set(domain, { ...states.get(domain)!, ...change });
    for (const listener of [...listeners]) listener();
  };
  const ask = (endpoint: string, args: unknown = {}): Promise<unknown> => control[endpoint]!(args);
  return { ask, become, asked, wishes, listeners, clock };
}

/** As the manager checks it. */
const fits = (command: Command, result: unknown): unknown =>
  checkResult(command, JSON.parse(JSON.stringify(result)));

test('links and partners are told as the commands have them, with the warning of what is below sso', async () => {
  const { ask, become } = setUp();
  const why = { code: 'M4C_PARTNER_LEVEL', detail: 'no SAML20' } as const;
  become('beta.test', { state: 'up', out: [stream], in: [{ ...stream, tls: undefined }], reason: why });
  become('gamma.test', { state: 'waiting', reason: why });
  const { links } = fits(federation, await ask('status')) as { links: Record<string, unknown>[] };
  const [first, second] = links;
  assert.deepEqual([first?.state, first?.bounced, first?.queued, first?.reason], ['up', 7, 8, undefined]);
  assert.equal(first?.warning, undefined);
  assert.deepEqual([second?.state, second?.reason], ['waiting', why]);
  assert.match(String(second?.warning), /DNS/);
  const { partners } = fits(federationpartners, await ask('partners')) as {
    partners: Record<string, unknown>[];
  };
  assert.deepEqual([partners[0]?.address, partners[1]?.address], ['gw.beta.test:5269', 'srv']);
});

test('to connect is to wish for it, and to wait until it is up', async () => {
  const { ask, become, asked, wishes, listeners } = setUp();
  let told: unknown;
  const connecting = ask('connect', { domain: 'beta.test' }).then((link) => (told = link));
  become('beta.test', { state: 'connecting' });
  await new Promise(setImmediate);
  assert.deepEqual([asked, wishes, told], [['connect beta.test'], [['beta.test', true]], undefined]);
  become('gamma.test', { state: 'waiting' });
  become('beta.test', { state: 'up' });
  await connecting;
  assert.equal((fits(federationconnect, told) as { state: string }).state, 'up');
  assert.equal(listeners.size, 0);
  assert.equal(
    ((await ask('connect', { domain: 'beta.test' })) as { state: string }).state,
    'up',
    'twice is as once',
  );
});

test('where the first try fails the reason is told, and the wish stays', async () => {
  const { ask, become, wishes, listeners } = setUp();
  const connecting = ask('connect', { domain: 'beta.test' });
  const refused = assert.rejects(
    connecting,
    isError('M4C_PARTNER_DOWN', /beta\.test: M4C_IDP_LOGIN: no such/),
  );
  become('beta.test', { state: 'connecting' });
  become('beta.test', { state: 'waiting', reason: { code: 'M4C_IDP_LOGIN', detail: 'no such user' } });
  await refused;
  assert.deepEqual([wishes, listeners.size], [[['beta.test', true]], 0]);
});

test('whoever waits for the other side is answered in the end', async () => {
  const { ask, become, clock } = setUp();
  const connecting = assert.rejects(ask('connect', { domain: 'beta.test' }), isError('M4C_PARTNER_DOWN'));
  become('beta.test', { state: 'connecting' });
  clock.advance(50_000);
  await connecting;
});

test('to disconnect is a wish as well', async () => {
  const { ask, asked, wishes } = setUp();
  const link = (await ask('disconnect', { domain: 'gamma.test' })) as { state: string };
  assert.deepEqual(
    [link.state, asked, wishes],
    ['disconnected', ['disconnect gamma.test'], [['gamma.test', false]]],
  );
});

test('who is no partner, and what is no question', async () => {
  const { ask, asked, wishes } = setUp();
  for (const endpoint of ['connect', 'disconnect']) {
    await assert.rejects(ask(endpoint, { domain: 'delta.test' }), isError('M4C_PARTNER_UNKNOWN'));
    for (const args of [null, {}, { domain: 'Beta Test' }, { domain: 'beta.test', force: true }])
      await assert.rejects(ask(endpoint, args), isError('M4C_BAD_ARGUMENTS'));
  }
  await assert.rejects(ask('status', { all: true }), isError('M4C_BAD_ARGUMENTS'));
  assert.deepEqual([asked, wishes], [[], []]);
});

test('a gateway without an authentication agent has no descriptor to give', async () => {
  const { ask } = setUp();
  await assert.rejects(ask('metadata'), isError('M4C_METADATA'));
  assert.deepEqual(fits(federationmetadata, { xml: '<a/>' }), { xml: '<a/>' });
});
