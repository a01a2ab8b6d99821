// Mutation seen red: the ratio taken to `warm`; a ping counted as one stanza; the share upside down.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figureOf } from '../common/figures.ts';
import { logInFigures, tablesOf } from './figures.ts';
import type { LogIn, LogInKind } from './log-ins.ts';

const ABOUT = { date: '2026-01-02T03:04:05Z', commit: 'abc', machine: { cpu: 'x', cores: 2, node: 'v24' } };

function logIn(kind: LogInKind, total: number): LogIn {
  const phases = {
    'TCP and TLS': 1,
    'streams and SASL': 2,
    'request (7–9)': 3,
    'identity provider (9–10)': total / 2,
    'assertion (10–12)': 4,
  };
  return { kind, total, phases };
}

const MADE = [
  ...[30, 10, 20].map((total) => logIn('cold', total)),
  ...[4, 8, 6].map((total) => logIn('warm', total)),
  ...[5, 3, 4].map((total) => logIn('EXTERNAL', total)),
];

test('log-ins are set in relation to those by EXTERNAL', () => {
  const [cold, warm, external] = logInFigures(MADE);
  assert.deepEqual(cold, {
    kind: 'cold',
    samples: 3,
    p50: 20,
    p99: 30,
    ratio: 5,
    phases: { ...MADE[2]!.phases, 'identity provider (9–10)': 10 },
  });
  assert.deepEqual([warm!.ratio, external!.ratio], [1.5, 1]);
});

function way(path: string, inFlight: number, milliseconds: number) {
  const latencies = Array.from({ length: 100 }, () => milliseconds);
  const used = { client: { cpu: 0.01 }, gateway: { cpu: milliseconds / 100 } };
  return figureOf(
    path,
    inFlight,
    { seconds: milliseconds / 10, latencies, errors: { M4C_BUSY: 1 } },
    {},
    used,
  );
}

test('the tables have both ways of one number in flight side by side', () => {
  const ways = [
    way('one server', 1, 1),
    way('two gateways', 1, 4),
    way('one server', 20, 2),
    way('two gateways', 20, 5),
  ];
  const report = { ...ABOUT, server: 'ejabberd', secondsEach: 1, logIns: logInFigures(MADE), ways };
  const tables = tablesOf(report, 20);
  assert.match(tables, /ejabberd, 3 log-ins of each kind.* Pings that failed: 4\./);
  assert.match(tables, /\| warm \| 6\.0 \| 8\.0 \| 1\.5 \| 1\.0 \| 2\.0 \| 3\.0 \| 3\.0 \| 4\.0 \|/);
  assert.match(tables, /\| 1 \| 1\.00 \/ 1\.00 \| 4\.00 \/ 4\.00 \| 3\.00 \| 1000 \| 250 \| 0\.25 \|/);
  // Of a ping: 0.1 ms in the client, 0.5 ms in the gateway; half of it for each of its two stanzas.
  assert.match(tables, /\| two gateways \| 50 \| 250 \| 300 \|/);
});
