// Mutation seen red: what comes before the agent in its time as well; a missing step as NaN.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { phasesOf } from './phases.ts';

const SAML = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13].map((step) => ({ step, time: 100 + step ** 2 }));

test('the phases of a log-in by SAML20 are together the whole of it', () => {
  const phases = phasesOf(90, [{ time: 95 }, ...SAML], 300);
  assert.deepEqual(phases, {
    'TCP and TLS': 11,
    'streams and SASL': 300 - 101 - (144 - 49),
    'request (7–9)': 81 - 49,
    'identity provider (9–10)': 100 - 81,
    'assertion (10–12)': 144 - 100,
  });
  assert.equal(
    Object.values(phases).reduce((sum, each) => sum + each),
    300 - 90,
  );
});

test('EXTERNAL goes by no agent', () => {
  const external = SAML.filter(({ step }) => [1, 2, 3, 13].includes(step));
  assert.deepEqual(phasesOf(100, external, 280), {
    'TCP and TLS': 1,
    'streams and SASL': 179,
    'request (7–9)': 0,
    'identity provider (9–10)': 0,
    'assertion (10–12)': 0,
  });
});

test('a step that is missing is no duration of nothing', () => {
  assert.throws(() => phasesOf(100, SAML.slice(0, 7), 280), /no step 12 in the log/);
});
