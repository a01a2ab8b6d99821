/**
 * Which identity provider lets our agents in by which way, found out by doing it: authentication agents of three domains,
 * which are user and relying party as in a gateway. `npm run docs:idp` writes the table into docs/federation-idp.md;
 * identity-providers.test.ts compares.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import { type FederationSettings, type IdpLogins, openFederation } from '@mom4c/lab';
import {
  type AgentRange,
  createAgentRangeAt,
  type FederationUnderTest,
  logIn,
} from '../support/agent-range.ts';
import type { AgentOptions, RangeAgent } from '../support/range-agent.ts';
import { createOpensslAuthority } from '../support/openssl-authority.ts';
import { openPysaml2Federation } from '../support/pysaml2-federation.ts';

export type Row = {
  readonly provider: string;
  readonly way: string;
  /** What each cost the identity provider, or the code of the refusal. */
  readonly first: string;
  readonly second: string;
  readonly wrong: string;
};

/** A row to be: what is to come out of it is known beforehand. */
export type Cell = { readonly row: Row; readonly run: () => Promise<Row> };

export type Matrix = { readonly cells: readonly Cell[]; stop(): Promise<void> };

type Way = {
  readonly name: string;
  readonly right: AgentOptions;
  readonly wrong: (range: AgentRange<FederationUnderTest>) => AgentOptions;
};

const [ALPHA, BETA, GAMMA] = ['alpha.test', 'beta.test', 'gamma.test'] as const;
const PAGE = join(import.meta.dirname, '../../docs/federation-idp.md');
const BEGIN = '<!-- made by `npm run docs:idp`: -->';
const END = '<!-- :made -->';
const IN = { first: 'one log-in', second: 'no further log-in' };

const password = (method: 'ecp' | 'form', name: string): Way => ({
  name,
  right: { method },
  wrong: () => ({ method, password: () => 'not-it' }),
});
const ecp = password('ecp', 'ECP (SOAP, HTTP Basic)');
const form = password('form', 'redirect, form with a password, POST');
const certificate: Way = {
  name: 'redirect, TLS client certificate, POST',
  right: { method: 'certificate' },
  wrong: ({ folder }) => {
    const certificate = createOpensslAuthority(folder, 'stranger').issue(ALPHA, `DNS:${ALPHA}`);
    return { method: 'certificate', certificate };
  },
};
/** A domain that shows the certificate of another is that other domain. */
const othersCertificate: Way = {
  ...certificate,
  name: 'the same, and the certificate of another domain',
  wrong: (range) => ({ method: 'certificate', certificate: range.issuedTo(GAMMA) }),
};

export async function openMatrix(): Promise<Matrix> {
  const started = new AsyncDisposableStack();
  const open = async (provider: (settings: FederationSettings) => FederationUnderTest) => {
    const range = await createAgentRangeAt(provider, [ALPHA, BETA, GAMMA]);
    started.defer(() => range.stop());
    return { range, beta: await range.start(BETA), gamma: await range.start(GAMMA) };
  };
  try {
    const simple = await open(openFederation);
    const pysaml2 = await open(openPysaml2Federation);
    const cell = (provider: string, place: typeof simple, way: Way, wrong: string): Cell => ({
      row: { provider, way: way.name, ...IN, wrong },
      run: async () => ({ provider, way: way.name, ...(await tryOut(place, way)) }),
    });
    return {
      cells: [
        cell('SimpleSAMLphp', simple, ecp, 'M4C_IDP_LOGIN'),
        cell('SimpleSAMLphp', simple, form, 'M4C_IDP_LOGIN'),
        cell('pysaml2', pysaml2, ecp, 'M4C_IDP_LOGIN'),
        cell('pysaml2', pysaml2, form, 'M4C_IDP_LOGIN'),
        cell('pysaml2', pysaml2, certificate, 'M4C_IDP_UNREACHABLE'),
        cell('pysaml2', pysaml2, othersCertificate, 'M4C_PARTNER_LOGIN'),
      ],
      stop: () => started.disposeAsync(),
    };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

type Place = {
  readonly range: AgentRange<FederationUnderTest>;
  readonly beta: RangeAgent;
  readonly gamma: RangeAgent;
};

/** Alpha logs in at two partners, and then with what is wrong. */
async function tryOut(
  { range, beta, gamma }: Place,
  way: Way,
): Promise<Pick<Row, 'first' | 'second' | 'wrong'>> {
  const attempt = async (user: RangeAgent, party: RangeAgent): Promise<string> => {
    const before = range.operator.logins();
    try {
      await logIn(user, party);
      return costOf(before, range.operator.logins());
    } catch (error) {
      if (error instanceof Mom4cError) return error.code;
      throw error;
    }
  };
  const right = await range.start(ALPHA, way.right);
  const first = await attempt(right, beta);
  const second = await attempt(right, gamma);
  await right.stop();
  const wrong = await range.start(ALPHA, way.wrong(range));
  const refused = await attempt(wrong, beta);
  await wrong.stop();
  return { first, second, wrong: refused };
}

function costOf(before: IdpLogins, after: IdpLogins): string {
  const grown = (way: 'password' | 'session') => (after[way][ALPHA] ?? 0) - (before[way][ALPHA] ?? 0);
  const grew = `${grown('password')} ${grown('session')}`;
  return (
    { '1 0': IN.first, '0 1': IN.second }[grew] ??
    `${grown('password')} log-ins, ${grown('session')} by session`
  );
}

/** The page with these rows, and as it is. */
export function pageWith(rows: readonly Row[]): { expected: string; actual: string } {
  const lines = rows.map(
    (row) => `| ${[row.provider, row.way, row.first, row.second, row.wrong].join(' | ')} |`,
  );
  const table = [
    '| Identity provider | Way of log-in | First partner | Second partner | Wrong credentials |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
  const actual = readFileSync(PAGE, 'utf8');
  const [head, rest = ''] = actual.split(BEGIN);
  return { expected: `${head}${BEGIN}\n\n${table}\n\n${END}${rest.split(END)[1] ?? ''}`, actual };
}

if (import.meta.main) {
  const matrix = await openMatrix();
  const rows: Row[] = [];
  try {
    for (const { run } of matrix.cells) rows.push(await run());
  } finally {
    await matrix.stop();
  }
  writeFileSync(PAGE, pageWith(rows).expected);
}
