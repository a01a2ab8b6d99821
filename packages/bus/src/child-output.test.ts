// Mutation seen red: (1) no limit to the length of a line; (2) no cap on the lines; (3) the cap never reset; (4) nothing
// said about suppressed lines; (5) the ready line counted by the cap; (6) the agent's fields spread into the record;
// (7) fields not cut; (8) the last line without an end dropped.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import type { Clock, Log } from '@mom4c/core';
import { forwardAgentLog, readLines } from './child-output.ts';

async function linesOf(...chunks: (string | Buffer)[]): Promise<string[]> {
  const lines: string[] = [];
  const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
  readLines(stream, (line) => lines.push(line));
  await once(stream, 'end');
  return lines;
}

test('lines are what stands between line ends, whatever the pieces in which they come', async () => {
  assert.deepEqual(await linesOf('on', 'e\r\ntw', 'o\n\nthr', 'ee'), ['one', 'two', '', 'three']);
  const euro = Buffer.from('€\n');
  assert.deepEqual(await linesOf(euro.subarray(0, 1), euro.subarray(1)), ['€']);
});

test('of a long line the first 4096 octets are kept, and the next line is whole', async () => {
  const long = 'x'.repeat(3000);
  assert.deepEqual(await linesOf(long, long, long, '\nnext\n'), ['x'.repeat(4096), 'next']);
  assert.deepEqual(await linesOf(long.repeat(3)), ['x'.repeat(4096)]);
});

type Entry = [level: string, fields: object, message: string];

function agent() {
  const child = Object.assign(new EventEmitter(), {
    pid: 42,
    stdout: new PassThrough(),
    stderr: new PassThrough(),
  });
  const entries: Entry[] = [];
  const at =
    (level: keyof Log): Log['info'] =>
    (fields, message) =>
      void entries.push([level, fields, message]);
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const time = { now: 0, timers: new Set<() => void>() };
  const clock: Clock = {
    now: () => 0,
    monotonic: () => time.now,
    after(_ms, callback) {
      time.timers.add(callback);
      return () => time.timers.delete(callback);
    },
  };
  const ready = forwardAgentLog(child as unknown as ChildProcess, { agent: 'a', ready: 'READY', log, clock });
  return { child, entries, time, ready };
}

const origin = { agent: 'a', agentPid: 42 };

test('what an agent chose cannot pass for what we say', async () => {
  const { child, entries } = agent();
  const forged = { level: 'error', msg: 'm', pid: 1, agent: 'other', agentPid: 1, err: { code: 'X' }, n: 1 };
  const big = { level: 'info', msg: 'y'.repeat(1500), text: 'x'.repeat(1500) };
  child.stdout.end(`${JSON.stringify(forged)}\n${JSON.stringify(big)}\n[1]\nnull\n{"msg":{"toString":1}}\n`);
  await once(child.stdout, 'end');
  child.stderr.end(JSON.stringify(forged));
  await once(child.stderr, 'end');
  assert.deepEqual(entries, [
    ['error', { ...origin, agentFields: { agent: 'other', agentPid: 1, err: { code: 'X' }, n: 1 } }, 'm'],
    ['info', { ...origin, agentFields: `{"text":"${'x'.repeat(991)}` }, 'y'.repeat(1000)],
    ['warn', { ...origin, text: '[1]' }, 'agent'],
    ['warn', { ...origin, text: 'null' }, 'agent'],
    ['warn', { ...origin, text: '{"msg":{"toString":1}}' }, 'agent'],
    ['warn', { ...origin, text: JSON.stringify(forged) }, 'agent'],
  ]);
});

test('a hundred lines a second, then one line about the rest; the ready line always counts', async () => {
  const { child, entries, time, ready } = agent();
  const write = async (text: string): Promise<void> => {
    child.stdout.write(text);
    await new Promise(setImmediate);
  };
  await write(`${'x\n'.repeat(150)}READY\n`);
  await ready;
  assert.equal(entries.length, 100);
  for (const timer of time.timers) timer();
  const about = (lines: number): Entry => [
    'warn',
    { process: 'a', pid: 42, lines },
    `suppressed ${lines} lines`,
  ];
  assert.deepEqual(entries.at(-1), about(50));
  await write('x\n'.repeat(60));
  time.now = 1000;
  await write('x\n'.repeat(103));
  assert.equal(entries.length, 100 + 1 + 60 + 100);
  child.emit('close');
  assert.deepEqual(entries.at(-1), about(3));
  assert.equal(time.timers.size, 0);
});
