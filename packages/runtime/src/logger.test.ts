// Mutation seen red: (1) redact() not called in formatters; (2) redact() not called in child(); (3) errors copied
// as plain objects (message and stack lost); (4) lines written as pino makes them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { createLogger } from './logger.ts';

function lines(use: (log: ReturnType<typeof createLogger>) => void): Record<string, unknown>[] {
  const out: string[] = [];
  use(createLogger({ name: 'te1', level: 'info' }, { write: (line) => void out.push(line) }));
  return out.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('one JSON object a line, with ISO time, level, name and fields', () => {
  const [line, ...rest] = lines((log) => {
    log.debug({}, 'not shown');
    log.child({ room: 'cluster' }).info({ sensors: 3 }, 'read');
  });
  assert.deepEqual(rest, []);
  assert.match(String(line!['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(
    { ...line, time: 0, pid: 0 },
    { level: 'info', time: 0, name: 'te1', pid: 0, room: 'cluster', sensors: 3, msg: 'read' },
  );
});

test('a text of somebody else steers no terminal, wherever it stands, and is still told', () => {
  const hostile = 'a\u001b[2J\u009b2J\u202e\u2028\nb';
  const out: string[] = [];
  const log = createLogger({ name: 'te1', level: 'info' }, { write: (line) => void out.push(line) });
  log.child({ [hostile]: hostile }).warn({ detail: hostile, deep: [{ [hostile]: hostile }] }, hostile);
  assert.equal(out.length, 1);
  assert.doesNotMatch(out[0]!.trimEnd(), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  const line = JSON.parse(out[0]!) as Record<string, unknown>;
  assert.deepEqual([line['msg'], line['detail'], line[hostile]], [hostile, hostile, hostile]);
});

test('secrets are hidden at any depth, in children and in errors; harmless keys are not', () => {
  const failure = Object.assign(new Error('no'), { config: { apiKey: 'hunter2' } });
  const deep = { a: { b: { userPassword: 'hunter2', sessionKey: 'hunter2' } } };
  const text = JSON.stringify(
    lines((log) => {
      log.child({ token: 'hunter2', list: [{ key: 'hunter2' }] }).info(deep, 'x');
      log.error({ err: failure, privateKey: 'hunter2', pem: 'hunter2', octets: Buffer.from('hunter2') }, 'x');
      log.info({ keyId: 'shown1', publicKey: 'shown2' }, 'x');
    }),
  );
  assert.ok(!text.includes('hunter2'), text);
  assert.ok(text.includes('shown1') && text.includes('shown2'));
});

test('errors are spelt out, with stack and cause; circular and deep fields do not break the line', () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const [line, other] = lines((log) => {
    log.error({ err: new Mom4cError('M4C_JOURNAL', 'disk', { cause: new Error('ENOSPC') }) }, 'x');
    log.info({ circle, big: 2n ** 70n, text: 'y'.repeat(100_000) }, 'x');
  });
  const err = line!['err'] as Record<string, string>;
  assert.ok(
    err['message']!.includes('ENOSPC') &&
      err['stack']!.includes('logger.test.ts') &&
      err['code'] === 'M4C_JOURNAL',
  );
  assert.ok(JSON.stringify(other).length < 20_000);
});
