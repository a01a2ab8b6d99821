/** `lab up|status|down`: the program behind `mom4c lab`. Data goes to stdout, all else to stderr. */
import { parseArgs } from 'node:util';
import { EXIT, Mom4cError } from '@mom4c/core';
import { LEVELS } from './level.ts';
import type { Component } from './component.ts';
import type { DomainDescription, LabDomain, PeopleDescription } from './domain.ts';
import type { GatewayDescription } from './gateway.ts';
import { openLab, startLab } from './lab.ts';
import type { Lab } from './lab.ts';
import type { LabOptions } from './lab-plan.ts';
import { checkAccounts } from './people.ts';
import type { Accounts } from './people.ts';
import { xmppServerKind } from './xmpp-server.ts';

type Options = {
  verb: string;
  domains: string[] | undefined;
  server: LabOptions['server'];
  people: LabOptions['people'];
  managers: number;
  machines: LabOptions['machines'];
  executors: number;
  eligible: LabOptions['eligible'];
  idp: boolean;
  levels: LabOptions['levels'];
  state: string;
  json: boolean;
};

/** `lab status --json`: the description, and what is alive. */
type DomainStatus = Omit<DomainDescription, 'nodes'> & {
  nodes: (DomainDescription['nodes'][number] & { alive: boolean })[];
  servers: { name: string; port: number; pid: number | undefined; alive: boolean }[];
};

type Account = PeopleDescription['accounts'][number];

const USAGE =
  'lab up|status|down [--domain NAME]… [--server [DOMAIN=]ejabberd|prosody]… [--managers N] [--machines] [--executors N] [--eligible EXECUTOR=MANAGER,…] [--people NAME=ROLE,…] [--idp] [--level DOMAIN,DOMAIN=LEVEL]… [--state DIR] [--json]';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function readOptions(argv: readonly string[]): Options {
  try {
    const { positionals, values } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        domain: { type: 'string', multiple: true },
        server: { type: 'string', multiple: true },
        people: { type: 'string' },
        managers: { type: 'string', default: '1' },
        machines: { type: 'boolean', default: false },
        executors: { type: 'string', default: '3' },
        eligible: { type: 'string' },
        idp: { type: 'boolean', default: false },
        level: { type: 'string', multiple: true },
        state: { type: 'string', default: '.mom4c' },
        json: { type: 'boolean', default: false },
      },
    });
    const [verb = '', ...rest] = positionals;
    const counts = [values.managers, values.executors];
    if (rest.length > 0 || !counts.every((count) => /^\d{1,4}$/.test(count))) throw new Error(USAGE);
    const [managers, executors] = counts.map(Number) as [number, number];
    const { domain: domains, idp, state, json } = values;
    const levels = values.level?.map(readLevel);
    const server = readServers(values.server ?? []);
    const people = values.people === undefined ? undefined : readPeople(values.people);
    const machines = values.machines ? 3 : undefined;
    const eligible = values.eligible === undefined ? undefined : readPairs(values.eligible);
    const who = { people, managers, executors, eligible };
    return { verb, domains, server, ...who, machines, idp, levels, state, json };
  } catch (cause) {
    if (cause instanceof Mom4cError) throw cause;
    throw new Mom4cError('M4C_USAGE', (cause as Error).message, { cause });
  }
}

/** One for all, or one for each domain that is named. */
function readServers(values: readonly string[]): LabOptions['server'] {
  const [first] = values;
  if (values.length === 1 && !first!.includes('=')) return xmppServerKind(first!);
  const pairs = values.map((value) => {
    const [domain = '', kind = '', ...rest] = value.split('=');
    if (domain === '' || rest.length > 0) throw new Error(USAGE);
    return [domain, xmppServerKind(kind)] as const;
  });
  if (new Set(pairs.map(([domain]) => domain)).size < pairs.length) throw new Error(USAGE);
  return Object.fromEntries(pairs);
}

/** `alpha.test,beta.test=verified` */
function readLevel(text: string): NonNullable<LabOptions['levels']>[number] {
  const [one, other, name, ...rest] = text.split(/[,=]/);
  const level = LEVELS.find((known) => known === name);
  if (!one || !other || level === undefined || rest.length > 0) throw new Error(USAGE);
  return { between: [one, other], level };
}

/** `ann=operator,bob=viewer` */
function readPeople(text: string): Accounts {
  const accounts = readPairs(text) as Accounts;
  checkAccounts(accounts);
  return accounts;
}

/** `te3=cm4,te2=cm5` */
function readPairs(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair) => pair.split('='));
  const record = Object.fromEntries(pairs) as Record<string, string>;
  if (pairs.some((pair) => pair.length !== 2) || Object.keys(record).length < pairs.length)
    throw new Error(USAGE);
  return record;
}

async function up(options: Options): Promise<void> {
  const { state, json, verb: _verb, ...plan } = options;
  const abort = new AbortController();
  const onSignal = () => {
    progress('stops…');
    abort.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    const lab = await startLab({
      folder: state,
      ...plan,
      progress,
      signal: abort.signal,
    });
    progress('the lab is up');
    console.log(json ? JSON.stringify(lab.describe()) : summary(lab));
  } catch (error) {
    // Who has interrupted it wants no logs.
    if (abort.signal.aborted) await openLab(state)?.down();
    throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

function status({ state, json }: Options): void {
  const lab = openLab(state);
  if (!lab) throw new Mom4cError('M4C_NO_PROFILE', `no lab in ${state}`);
  console.log(
    json ? JSON.stringify({ ...lab.describe(), domains: lab.domains.map(statusOf) }) : summary(lab),
  );
  const dead = lab.domains.flatMap(({ name, components }) =>
    components.filter((part) => !part.running).map((part) => `${part.name} of ${name}`),
  );
  if (lab.describe().federation && !lab.idp.running) dead.push('the identity provider');
  if (dead.length > 0) throw new Mom4cError('M4C_LAB', `not running: ${dead.join(', ')}`);
}

async function down({ state }: Options): Promise<void> {
  const lab = openLab(state, progress);
  if (!lab) return progress(`no lab in ${state}`);
  await lab.down();
  progress('the lab is down');
}

function statusOf(domain: LabDomain): DomainStatus {
  const { nodes, ...rest } = domain.describe();
  return {
    ...rest,
    nodes: nodes.map((node) => ({ ...node, alive: domain.node(node.name).running })),
    servers: domain.components
      .filter((part) => part.kind !== 'cm' && part.kind !== 'te')
      .map(({ name, port, process: record, running }) => ({ name, port, pid: record?.pid, alive: running })),
  };
}

function summary(lab: Lab): string {
  const person = ({ jid, role, passwordFile }: Account) =>
    `  ${jid.padEnd(42)}${role.padEnd(10)}password in ${passwordFile}`;
  const row = ({ name, host, port, process: record, running }: Component) =>
    `  ${name.padEnd(24)}${`${host}:${port}`.padEnd(18)}${running ? `pid ${record?.pid}` : 'not running'}`;
  const partner = ({ domain, level }: GatewayDescription['partners'][number]) =>
    `  ${''.padEnd(24)}federates with ${domain} at ${level}`;
  const gatewayRows = ({ s2s, agent, partners }: GatewayDescription) => [
    `  ${''.padEnd(24)}${`${s2s.host}:${s2s.port}`.padEnd(18)}streams of partners`,
    `  ${''.padEnd(24)}${new URL(agent.url).host.padEnd(18)}authentication agent`,
    ...partners.map(partner),
  ];
  const domains = lab.domains.flatMap((domain) => {
    const { people, gateway } = domain.describe();
    return [
      domain.name,
      ...domain.components.flatMap((part) => [
        row(part),
        ...(part.kind === 'gateway' && gateway ? gatewayRows(gateway) : []),
      ]),
      ...(people?.accounts ?? []).map(person),
    ];
  });
  return [...domains, ...(lab.describe().federation ? ['federation', row(lab.idp)] : [])].join('\n');
}

function progress(line: string): void {
  console.error(`[${(performance.now() / 1000).toFixed(1).padStart(5)} s] ${line}`);
}

async function main(argv: readonly string[]): Promise<void> {
  const options = readOptions(argv);
  switch (options.verb) {
    case 'up':
      return up(options);
    case 'status':
      return status(options);
    case 'down':
      return down(options);
    default:
      throw new Mom4cError('M4C_USAGE', USAGE);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof Mom4cError) {
    console.error(`${error.message}\n${error.entry.fix}`);
    process.exitCode = error.entry.exit;
  } else {
    console.error(error);
    process.exitCode = EXIT.bug;
  }
});
