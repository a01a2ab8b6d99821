// Mutation seen red: the server of one domain taken for all; a server of an unknown domain not refused. Of federation:
// the level of one pair taken for all; sso without an identity provider not refused; the authority of our own domain
// for the partner's; a domain as partner of itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOf, portsOf } from './lab-plan.ts';
import type { LabOptions } from './lab-plan.ts';
import type { DomainState } from './lab-state.ts';
import { releasePorts } from './ports.ts';

async function planned(options: Omit<LabOptions, 'folder'>): Promise<DomainState[]> {
  const plan = await planOf({ folder: '/nowhere', ...options });
  releasePorts(plan.flatMap(portsOf));
  return plan;
}

/** The XMPP server of each domain, as the state has it and as it is started. */
async function serversOf(options: Omit<LabOptions, 'folder'>): Promise<string[]> {
  return (await planned(options)).map(
    ({ name, xmpp, components }) => `${name} ${xmpp} ${components[0]?.name}`,
  );
}

test('each domain has its XMPP server: ejabberd, the one for all, or its own', async () => {
  const domains = ['alpha.test', 'beta.test'];
  assert.deepEqual(await serversOf({}), ['alpha.test ejabberd ejabberd']);
  assert.deepEqual(await serversOf({ domains, server: 'prosody' }), [
    'alpha.test prosody prosody',
    'beta.test prosody prosody',
  ]);
  assert.deepEqual(await serversOf({ domains, server: { 'beta.test': 'prosody' } }), [
    'alpha.test ejabberd ejabberd',
    'beta.test prosody prosody',
  ]);
});

test('a server for a domain that is not of the lab is a mistake of who asks', async () => {
  await assert.rejects(planOf({ folder: '/nowhere', server: { 'gamma.test': 'prosody' } }), {
    code: 'M4C_USAGE',
  });
});

const ALPHA = 'alpha.test';
const BETA = 'beta.test';
const GAMMA = 'gamma.test';
const domains = [ALPHA, BETA, GAMMA];

/** `alpha.test beta.test sso` */
async function partnersIn(options: Omit<LabOptions, 'folder'>): Promise<string[]> {
  return (await planned(options)).flatMap(({ name, gateway }) =>
    (gateway?.partners ?? []).map(({ domain, level }) => `${name} ${domain} ${level}`),
  );
}

test('domains federate with each other by single sign-on, where there is an identity provider', async () => {
  assert.deepEqual(await partnersIn({ domains }), []);
  assert.deepEqual(await partnersIn({ domains: [ALPHA, BETA], idp: true }), [
    `${ALPHA} ${BETA} sso`,
    `${BETA} ${ALPHA} sso`,
  ]);
  const [alone] = await planned({ domains: [ALPHA], idp: true });
  assert.deepEqual(alone?.gateway?.partners, []);
});

test('a pair may have a level of its own, the same on both sides', async () => {
  const levels = [{ between: [GAMMA, ALPHA], level: 'verified' }] as const;
  assert.deepEqual(await partnersIn({ domains, levels, idp: true }), [
    `${ALPHA} ${BETA} sso`,
    `${ALPHA} ${GAMMA} verified`,
    `${BETA} ${ALPHA} sso`,
    `${BETA} ${GAMMA} sso`,
    `${GAMMA} ${ALPHA} verified`,
    `${GAMMA} ${BETA} sso`,
  ]);
  // Nobody could say who beta.test is.
  assert.deepEqual(await partnersIn({ domains, levels }), [
    `${ALPHA} ${GAMMA} verified`,
    `${GAMMA} ${ALPHA} verified`,
  ]);
});

test('below sso the configuration says what the metadata would', async () => {
  const levels = [{ between: [ALPHA, BETA], level: 'encrypted' }] as const;
  const people = { ann: 'operator' } as const;
  const [alpha, beta] = await planned({ domains: [ALPHA, BETA], levels, people });
  const hosts = [BETA, `conference.${BETA}`, `people.${BETA}`];
  assert.deepEqual(alpha?.gateway?.partners, [
    {
      domain: BETA,
      level: 'encrypted',
      hosts,
      settings: {
        hosts,
        address: { host: '127.0.0.1', port: beta?.gateway?.s2sPort },
        authorityFile: `/nowhere/${BETA}/certificate-authority/servers/xmpp/ca.pem`,
      },
    },
  ]);
});

test('a level that cannot be is a mistake of who asks', async () => {
  const wrong: Omit<LabOptions, 'folder'>[] = [
    { levels: [{ between: [ALPHA, BETA], level: 'sso' }] },
    { levels: [{ between: [ALPHA, ALPHA], level: 'verified' }] },
    { levels: [{ between: [ALPHA, 'delta.test'], level: 'verified' }] },
    { levels: [{ between: [ALPHA, BETA], level: 'trusted' as 'sso' }], idp: true },
    {
      levels: [
        { between: [ALPHA, BETA], level: 'verified' },
        { between: [BETA, ALPHA], level: 'encrypted' },
      ],
    },
  ];
  for (const options of wrong)
    await assert.rejects(planned({ domains, ...options }), { code: 'M4C_USAGE' }, JSON.stringify(options));
});

test('machines are three, with a manager each, and for root only', async () => {
  for (const options of [
    { machines: 3 },
    { machines: 3, managers: 2 },
    { machines: 2, managers: 2 },
  ] as const)
    await assert.rejects(planned(options as Omit<LabOptions, 'folder'>), { code: 'M4C_USAGE' });
  const planning = planned({ machines: 3, managers: 3 });
  if (process.getuid?.() !== 0) return assert.rejects(planning, { code: 'M4C_USAGE' });
  const [domain] = await planning;
  const placed = domain!.components.flatMap(({ name, machine }) =>
    machine ? [`${name} on ${machine}`] : [],
  );
  const expected = [1, 2, 3].flatMap((number) => [`nats${number} on ${number}`, `cm${number} on ${number}`]);
  assert.deepEqual(placed.toSorted(), expected.toSorted());
});

test('an executor that may become a manager is one of the lab, and has a name that is free and admitted', async () => {
  const [plan] = await planned({ managers: 2, eligible: { te1: 'cm3', te3: 'cm5' } });
  assert.deepEqual(plan?.eligible, { te1: 'cm3', te3: 'cm5' });
  const bad = [{ te4: 'cm3' }, { cm1: 'cm3' }, { te1: 'cm2' }, { te1: 'cm6' }, { te1: 'cm3', te2: 'cm3' }];
  for (const eligible of bad)
    await assert.rejects(planOf({ folder: '/nowhere', managers: 2, eligible }), { code: 'M4C_USAGE' });
});
