// Mutations seen red: the error of the manager's own command counted as partial; the text of a result not made printable;
// `printable` returning its input; no-answer counting as partial; results not checked again;
// notes as they are; an unknown outcome counted as success.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { federation, federationconnect, federationmetadata, listsensors, nodes } from '@mom4c/commands';
import { EXIT } from '@mom4c/core';
import type { ErrorCode } from '@mom4c/core';
import type { Outcome } from '@mom4c/messaging';
import { checkedOutcomes } from '@mom4c/member';
import { FORMATS } from './formats.ts';
import { exitCodeOf, formatAnswer, formatDocument } from './outcomes.ts';

const load = { n: 'host/load1', v: 0.25, u: '/' };
const ok = (target: string, sensors: object[] = [load]): Outcome => ({
  target,
  state: 'ok',
  result: { sensors },
});
const silent: Outcome = { target: 'te3', state: 'no-answer', error: { code: 'M4C_NO_ANSWER' } };
const unknown: Outcome = { target: 'te4', state: 'unknown', error: { code: 'M4C_OUTCOME_UNKNOWN' } };
const refused: Outcome = {
  target: 'te2',
  state: 'refused',
  error: { code: 'M4C_FORBIDDEN', detail: 'not you' },
};

test('silence is worse than a refusal, and neither is success', () => {
  assert.equal(exitCodeOf(listsensors, [ok('te1')]), EXIT.ok);
  assert.equal(exitCodeOf(listsensors, [ok('te1'), refused]), EXIT.partial);
  assert.equal(exitCodeOf(listsensors, [ok('te1'), refused, silent]), EXIT.noAnswer);
  assert.equal(exitCodeOf(listsensors, [ok('te1'), unknown]), EXIT.partial);
});

test('what the manager itself did not do ends with its error, not with a part that went well', () => {
  const failed = (code: ErrorCode): Outcome[] => [{ target: 'cm1', state: 'failed', error: { code } }];
  assert.equal(exitCodeOf(federationconnect, failed('M4C_PARTNER_UNKNOWN')), EXIT.notFound);
  assert.equal(exitCodeOf(federationconnect, failed('M4C_GATEWAY_UNAVAILABLE')), EXIT.unavailable);
  assert.equal(exitCodeOf(federationconnect, [{ ...silent, target: 'cm1' }]), EXIT.noAnswer);
  assert.equal(exitCodeOf(listsensors, failed('M4C_SENSOR_UNKNOWN')), EXIT.partial);
});

test('a result that is a text of its own is printed as it is, but for what steers a terminal', () => {
  const of = (xml: string) => [{ target: 'cm1', state: 'ok', result: { xml } }] satisfies Outcome[];
  const shown = (outcomes: readonly Outcome[]) =>
    formatAnswer(federationmetadata, { id: 'i', command: 'federationmetadata', outcomes }, 'table');
  assert.equal(shown(of('<a>\n  <b/>\n</a>')), '<a>\n  <b/>\n</a>\n');
  assert.equal(shown(of('<a>\u001b[2J</a>\n')), '<a>\ufffd[2J</a>\n');
  assert.match(shown([{ target: 'cm1', state: 'failed', error: { code: 'M4C_METADATA' } }]), /M4C_METADATA/);
});

test('below the table stands what concerns all of it', () => {
  const idp = { session: false, logins: 0, fault: 'M4C_IDP_LOGIN', means: 'New links wait\u001b[2J.' };
  const gateway = { name: 'gw1', version: '1.0.0', since: 0 };
  const outcomes: Outcome[] = [
    { target: 'cm1', state: 'ok', result: { gateway, hosts: [], idp, links: [] } },
  ];
  const shown = formatAnswer(federation, { id: 'i', command: 'federation', outcomes }, 'table');
  assert.match(shown, /^PARTNER .*\n\nIdentity provider: M4C_IDP_LOGIN\. New links wait\ufffd\[2J\.\n$/);
});

test('the table has a line for every target, whatever became of it', () => {
  const answer = { id: 'i', command: 'listsensors', outcomes: [ok('te1'), refused, silent, unknown] };
  const table = formatAnswer(listsensors, answer, 'table');
  assert.match(table, /^NODE +SENSOR +VALUE +UNIT/);
  assert.match(table, /^te1 +host\/load1 +0\.25 +\//m);
  assert.match(table, /^te2 +refused +M4C_FORBIDDEN.*not you/m);
  assert.match(table, /^te3 +no-answer +M4C_NO_ANSWER/m);
  assert.match(table, /^te4 +unknown +M4C_OUTCOME_UNKNOWN: .*whether it did is not known/m);
  assert.deepEqual(JSON.parse(formatAnswer(listsensors, answer, 'json')), answer);
  assert.match(formatAnswer(listsensors, answer, 'yaml'), /state: no-answer/);
});

test('what runs on the manager has no column for the node that answered', () => {
  const node = { name: 'te1', role: 'te', address: 'te1@alpha.test', present: true };
  const outcomes: Outcome[] = [{ target: 'cm1', state: 'ok', result: { nodes: [node] } }];
  const table = formatAnswer(nodes, { id: 'i', command: 'nodes', outcomes }, 'table');
  assert.match(table, /^NODE +ROLE/);
  assert.doesNotMatch(table, /cm1/);
});

test('a device cannot steer the terminal', () => {
  const hostile = '\u001b]0;owned\u0007\u001b[2J\r\u202Eevil\u009b31m\nte9  ok';
  const answer = { id: 'i', command: 'listsensors', outcomes: [ok('te1', [{ n: hostile, vs: hostile }])] };
  const table = formatAnswer(listsensors, answer, 'table');
  for (const format of FORMATS)
    assert.doesNotMatch(
      formatAnswer(listsensors, answer, format).replaceAll('\n', ''),
      /[\p{Cc}\p{Cf}]/u,
      format,
    );
  assert.deepEqual(JSON.parse(formatAnswer(listsensors, answer, 'json')), answer, 'and JSON loses nothing');
  assert.equal(table.trimEnd().split('\n').length, 2, 'one line of head, one of data');
});

test('one of many is a line of JSON, a document of YAML', () => {
  const hostile = 'a\n---\nid: x\u2028{}';
  const answer = { id: 'i', command: 'listsensors', outcomes: [ok('te1', [{ n: hostile }])] };
  const lines = formatDocument(listsensors, answer, 'json').split('\n');
  assert.equal(lines.length, 2);
  assert.deepEqual(JSON.parse(lines[0]!), answer);
  const yaml = formatDocument(listsensors, answer, 'yaml');
  assert.deepEqual(yaml.match(/^---$/gm), ['---']);
  assert.ok(yaml.startsWith('---\n'));
});

test('a result outside of its schema is not shown as success', () => {
  const lying: Outcome = { target: 'te1', state: 'ok', result: { sensors: 'none, trust me' } };
  const [outcome] = checkedOutcomes(listsensors, [lying]);
  assert.deepEqual(outcome, { target: 'te1', state: 'failed', error: { code: 'M4C_BAD_RESULT' } });
  assert.deepEqual(checkedOutcomes(listsensors, [ok('te1')]), [ok('te1')]);
});
