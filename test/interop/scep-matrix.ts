/**
 * Which SCEP program does what with which algorithms at our authority, and our client at an authority of others: found
 * out by running them. `npm run docs:scep` writes the table into docs/scep.md; scep-peers.test.ts compares.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Mom4cError, systemClock as clock, systemRandom as random } from '@mom4c/core';
import type { Role } from '@mom4c/core';
import {
  enroll,
  fetchAuthority,
  fetchCrl,
  fromPem,
  makeEnrolmentKey,
  readAuthority,
  renew,
} from '@mom4c/pki';
import type { Authority, Identity } from '@mom4c/pki';
import { orderOf } from '../support/admin-orders.ts';
import { algorithmsOf, certmonger, scepclient, startScepserver, strongswan } from '../support/scep-peers.ts';
import type { ForeignAuthority, Peer, PeerRequest, PeerRun } from '../support/scep-peers.ts';
import { createStandaloneAuthority } from '../support/standalone-authority.ts';
import type { StandaloneAuthority } from '../support/standalone-authority.ts';

export type Row = {
  readonly peer: string;
  readonly operation: string;
  /** Message type, HTTP method, cipher and digest, as the authority saw them. */
  readonly asked: string;
  /** `certificate`, `list`, or the failInfo. */
  readonly outcome: string;
};

/** A row to be: what is to come out of it is known beforehand, how it is asked is not. */
export type Cell = Pick<Row, 'peer' | 'operation' | 'outcome'> & {
  /** @returns what was seen */
  readonly run: () => Promise<Pick<Row, 'asked' | 'outcome'>>;
};

export type Matrix = { readonly cells: readonly Cell[]; stop(): Promise<void> };

const DOMAIN = 'alpha.test';
const FOREIGN_DOMAIN = 'beta.test';
const PAGE = join(import.meta.dirname, '../../docs/scep.md');
const BEGIN = '<!-- made by `npm run docs:scep`: -->';
const END = '<!-- :made -->';

export async function openMatrix(): Promise<Matrix> {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-scep-'));
  const started = new AsyncDisposableStack();
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  try {
    return { cells: await makeCells(folder, started), stop: () => started.disposeAsync() };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

/** @param started gets what is to be stopped, also where a later step fails */
async function makeCells(folder: string, started: AsyncDisposableStack): Promise<Cell[]> {
  const service = await createStandaloneAuthority(
    join(folder, 'authority'),
    DOMAIN,
    'enrolment: { withoutToken: approval }',
  );
  started.defer(() => service.stop());
  await service.start();
  const foreign = await startScepserver(join(folder, 'foreign'));
  started.defer(() => foreign.stop());
  const signal = AbortSignal.timeout(300_000);
  const authority = await fetchAuthority({ url: service.url, fingerprint: service.fingerprint, signal });
  const ours = ourClient({ service, authority, signal });
  const administrator = await ours.enrol('alice', 'admin');
  const place = { folder, service, authority, administrator };
  return [
    ...strongCells(strongswan(join(folder, 'strongswan')), 'te-strongswan', place),
    ...strongCells(certmonger(join(folder, 'certmonger')), 'te-certmonger', place),
    ...approvalCells(strongswan(join(folder, 'strongswan-2')), 'te-strongswan-2', place),
    ...approvalCells(certmonger(join(folder, 'certmonger-2')), 'te-certmonger-2', place),
    ...weakCells(scepclient(join(folder, 'micromdm')), 'te-micromdm', place),
    ...ours.cells(),
    ...(await foreignCells(foreign, folder, signal)),
  ];
}

type Place = {
  readonly folder: string;
  readonly service: StandaloneAuthority;
  readonly authority: Authority;
  readonly administrator: Identity;
};

// --- clients of others at our authority ---------------------------------------------------------------------------

/** Peers that speak AES and SHA-2 need nothing but a token, and for a renewal not even that. */
function strongCells(peer: Peer, name: string, place: Place): Cell[] {
  const request = requestOf(name, place);
  const token = () => place.service.token(name, 'te');
  return [
    cell(peer, 'enrol with a token', 'certificate', place, async () =>
      peer.enrol({ ...request, token: await token() }),
    ),
    cell(peer, 'renew', 'certificate', place, () => peer.renew(request)),
  ];
}

function approvalCells(peer: Peer, name: string, place: Place): Cell[] {
  const { service, authority, administrator: identity } = place;
  return [
    cell(peer, 'enrol by approval', 'certificate', place, async () => {
      const waits = service.logged('enrolment waits for approval', name);
      const running = peer.enrol(requestOf(name, place));
      const { id } = await waits;
      const body = { name, role: 'te' };
      const path = `/enrolments/${textOf(id)}/approve`;
      const { status } = await orderOf({ port: service.adminPort, authority, identity, path, body });
      if (status !== 200) throw new Error(`approval: HTTP ${status}`);
      const ended = await running;
      return peer.poll?.() ?? ended;
    }),
  ];
}

function weakCells(peer: Peer, name: string, place: Place): Cell[] {
  const request = requestOf(name, place);
  const token = (...options: string[]) => place.service.token(name, 'te', ...options);
  const enrol = async (...options: string[]) =>
    peer.enrol({ ...request, token: await token('--ttl', '30m', ...options) });
  const renewWith = async (...options: string[]) =>
    peer.renew({ ...request, token: await token('--ttl', '30m', ...options) });
  return [
    cell(peer, 'enrol with a token', 'badAlg', place, () => enrol()),
    cell(peer, 'enrol with a token `--legacy`', 'certificate', place, () => enrol('--legacy')),
    cell(peer, 'renew', 'badAlg', place, () => renewWith()),
    cell(peer, 'renew with a token `--legacy`', 'certificate', place, () => renewWith('--legacy')),
    cell(peer, 'enrol by approval', 'badAlg', place, () =>
      scepclient(join(place.folder, 'micromdm-2')).enrol(request),
    ),
  ];
}

function requestOf(name: string, { service, authority }: Place): PeerRequest {
  return { url: service.url, domain: DOMAIN, name, role: 'te', authority: authority.pem };
}

function cell(
  peer: Pick<Peer, 'name'>,
  operation: string,
  outcome: string,
  place: Place,
  perform: () => Promise<PeerRun>,
): Cell {
  return {
    peer: peer.name,
    operation,
    outcome,
    async run() {
      const before = place.service.lines().length;
      const ended = await perform();
      const seen = await seenSince(place.service, before);
      // The peer must agree with what the authority says.
      if ((ended.code === 0) !== (seen.outcome === 'certificate'))
        throw new Error(`${peer.name} ended with ${ended.code}, seen: ${seen.outcome}\n${ended.output}`);
      return seen;
    },
  };
}

/** What the log of the authority says of the exchanges since that line. */
async function seenSince(
  service: StandaloneAuthority,
  before: number,
): Promise<Pick<Row, 'asked' | 'outcome'>> {
  const lines = service.lines().slice(before);
  const of = (message: string) => lines.filter(({ msg }) => msg === message);
  const issued = of('certificate issued').at(-1);
  const refused = of('enrolment refused').at(-1);
  const types = [...of('SCEP request answered'), ...of('enrolment refused')].map(
    ({ messageType, method }) => `${textOf(messageType)} by ${textOf(method)}`,
  );
  const algorithms = textOf((refused ?? of('SCEP request answered').at(-1))?.algorithms);
  return {
    asked: [...new Set(types), algorithms].join(', '),
    outcome: refused ? textOf(refused.failInfo) : issued ? 'certificate' : 'nothing',
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

// --- our client -----------------------------------------------------------------------------------------------------

function ourClient({
  service,
  authority,
  signal,
}: {
  service: StandaloneAuthority;
  authority: Authority;
  signal: AbortSignal;
}) {
  const common = () => ({ url: service.url, authority, domain: DOMAIN, signal, clock, random });
  const enrol = async (name: string, role: Role): Promise<Identity> => {
    const [token, key] = [await service.token(name, role), await makeEnrolmentKey()];
    return enroll({ ...common(), name, role, key, token });
  };
  const identities: Identity[] = [];
  const own = (operation: string, outcome: string, perform: () => Promise<void>): Cell => ({
    peer: 'our client',
    operation,
    outcome,
    async run() {
      const before = service.lines().length;
      await perform();
      const { asked, outcome: seen } = await seenSince(service, before);
      return { asked, outcome: outcome === 'list' ? outcome : seen };
    },
  });
  return {
    enrol,
    cells: (): Cell[] => [
      own('enrol with a token', 'certificate', async () => {
        identities.push(await enrol('te-ours', 'te'));
      }),
      own('renew, RSA to P-256', 'certificate', async () => {
        identities.push(await renew({ ...common(), identity: identities.at(-1)! }));
      }),
      own('GetCRL', 'list', async () => {
        const identity = identities.at(-1)!;
        await fetchCrl({ ...common(), identity, certificate: identity.certificate });
      }),
    ],
  };
}

/** At micromdm's server, as openssl sees what goes to and fro. */
async function foreignCells(foreign: ForeignAuthority, folder: string, signal: AbortSignal): Promise<Cell[]> {
  const { fingerprint } = readAuthority(fromPem('CERTIFICATE', foreign.certificate));
  const authority = await fetchAuthority({ url: foreign.url, fingerprint, signal });
  const common = { url: foreign.url, authority, domain: FOREIGN_DOMAIN, signal, clock, random };
  const identities: Identity[] = [];
  const own = (operation: string, outcome: string, perform: () => Promise<Identity>): Cell => ({
    peer: 'our client at micromdm scepserver',
    operation,
    outcome,
    async run() {
      const seen = await perform().then(
        (identity) => {
          identities.push(identity);
          return 'certificate';
        },
        (error: unknown) => {
          if (!(error instanceof Mom4cError) || error.code !== 'M4C_CA_REFUSED') throw error;
          return String(error.detail).split(',')[0]!;
        },
      );
      const [request, reply] = [foreign.exchange.request, foreign.exchange.reply].map((message) =>
        algorithmsOf(message, folder),
      );
      return { asked: `POST, ${request}; answered in ${reply}`, outcome: seen };
    },
  });
  const token = foreign.challenge;
  return [
    own('enrol with its challenge', 'certificate', async () =>
      enroll({ ...common, name: 'te1', role: 'te', key: await makeEnrolmentKey(), token }),
    ),
    own('renew, RSA to RSA, with its challenge', 'certificate', () =>
      renew({ ...common, identity: identities.at(-1)!, kind: 'rsa', token }),
    ),
    own('renew, RSA to P-256', 'badRequest', () => renew({ ...common, identity: identities.at(-1)!, token })),
  ];
}

// --- the page -------------------------------------------------------------------------------------------------------

export async function rowOf({ run, ...known }: Cell): Promise<Row> {
  return { ...known, ...(await run()) };
}

/** docs/scep.md with this table in it, and as it is. */
export function pageWith(rows: readonly Row[]): { expected: string; actual: string } {
  const actual = readFileSync(PAGE, 'utf8');
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const table = [
    line(['Who', 'Operation', 'Asked how', 'Outcome']),
    '| --- | --- | --- | --- |',
    ...rows.map(({ peer, operation, asked, outcome }) => line([peer, operation, asked, outcome])),
  ].join('\n');
  const [head, rest = ''] = actual.split(BEGIN);
  return { expected: `${head}${BEGIN}\n\n${table}\n\n${END}${rest.split(END)[1] ?? ''}`, actual };
}

if (import.meta.main) {
  const matrix = await openMatrix();
  try {
    const rows: Row[] = [];
    for (const one of matrix.cells) {
      const row = await rowOf(one);
      if (row.outcome !== one.outcome) throw new Error(`${JSON.stringify(row)}: ${one.outcome} was expected`);
      console.log(Object.values(row).join(' | '));
      rows.push(row);
    }
    writeFileSync(PAGE, pageWith(rows).expected);
  } finally {
    await matrix.stop();
  }
}
