/**
 * `--watch` as users and programs run it: one session for all of it, through a restart of the manager and of the XMPP
 * server, until Ctrl-C or until nobody reads any more.
 *
 * Mutations seen red: the loss of the connection not stated; a closed pipe not noticed.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startLab } from '@mom4c/lab';
import type { Lab, LabDomain } from '@mom4c/lab';
import { ANY_SERVER } from '../support/any-server.ts';
import { CLI, ask } from '../support/cli.ts';
import { startProgram } from '../support/program.ts';
import type { Program } from '../support/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-watch-'));
let lab: Lab;
let alpha: LabDomain;

before(async () => {
  lab = await startLab({ folder: join(folder, 'lab'), server: ANY_SERVER, executors: 1 });
  alpha = lab.domain('alpha.test');
});
after(async () => {
  await lab?.down();
  rmSync(folder, { recursive: true });
});

test('answers follow each other as lines of JSON, from one session, and Ctrl-C ends it with the last exit code', async () => {
  const watching = start('--verbose', 'ping', '--watch', '250ms', '-o', 'json');
  await watching.take(/^(\{.*\}\n){3}/);
  const { code, stdout, stderr } = await watching.stop('SIGINT');
  assert.equal(code, 0);
  assert.equal(stderr.match(/"msg":"online"/g)?.length, 1, stderr);
  const answers = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(new Set(answers.map(({ id }) => id)).size, answers.length, 'each is a question of its own');
  for (const { outcomes } of answers) assert.equal(outcomes[0].state, 'ok');
});

test('YAML comes as documents, tables with the time above each; the exit code says what the last answer was', async () => {
  const yaml = start('nodes', '--watch=250ms', '-o', 'yaml');
  await yaml.take(/^---\nid: [^]*^---\nid: /m);
  assert.equal((await yaml.stop('SIGINT')).code, 0);
  const te1 = alpha.node('te1');
  te1.signal('SIGSTOP');
  try {
    const table = start('ping', '-w', '1s', '--timeout', '300ms');
    await table.take(/^\d{4}-\d\d-\d\dT\S+Z\nNODE +OUTCOME +REASON\nte1 +no-answer[^]*Z\nNODE/m);
    assert.equal((await table.stop('SIGINT')).code, 4);
  } finally {
    te1.signal('SIGCONT');
  }
  await ask(lab.folder, 'ping', 0);
});

test('a restart of the manager and of the XMPP server is stated, and survived by the same process', async () => {
  const watching = start('nodes', '--watch', '500ms', '-o', 'json', '--timeout', '2s');
  await watching.take(/"id"/);
  await alpha.node('cm1').stop();
  await watching.takeError(/M4C_NO_MANAGER: .*; trying on\n/);
  await alpha.node('cm1').start();
  await another(watching);
  await alpha.xmppServer.stop({ signal: 'SIGKILL' });
  await watching.takeError(/M4C_XMPP\w+: .*; trying on\n/);
  await alpha.xmppServer.start();
  // Until te1 is back as well: the tests below talk to it.
  await another(watching, '.*"name":"te1","role":"te","address":"te1@alpha.test","present":true');
  const { code, stderr } = await watching.stop('SIGINT');
  assert.equal(code, 0, stderr);
  const stated = [...stderr.matchAll(/^mom4c: (M4C_\w+)/gm)].map(([, each]) => each);
  assert.equal(new Set(stated).size, stated.length, `each once: ${stderr}`);
});

test('on a terminal the table is drawn anew, and Ctrl-C ends it there', async () => {
  // exec: which shell script(1) takes depends on the environment, and some answer for the program they wait for.
  const line = `exec '${process.execPath}' '${CLI}' --state '${lab.folder}' nodes --watch 250ms`;
  const child = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let shown = '';
  let interrupted = false;
  for await (const text of child.stdout.setEncoding('utf8')) {
    shown += text;
    if (interrupted || shown.split(DRAWN).length < 4) continue;
    interrupted = true;
    child.stdin.write('\u0003');
  }
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
  assert.equal(code, 0);
  const last = shown.split(DRAWN).at(-1)!;
  assert.match(last, /^\d\d:\d\d:\d\d {2}\(Ctrl-C ends\)\r\nNODE +ROLE/);
  assert.equal(last.match(/^te1 /gm)?.length, 1);
});

test('a reader that goes away ends it', async () => {
  const child = spawn(process.execPath, [CLI, '--state', lab.folder, 'ping', '-w', '250ms', '-o', 'json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
});

test('what will not pass ends it at once', async () => {
  const { code, stderr } = await start('ping', '--watch', '250ms', '--target', 'te9').ended;
  assert.equal(code, 6);
  assert.match(stderr, /M4C_UNKNOWN_TARGET/);
  const usage = await start('ping', '--watch', '1ms').ended;
  assert.equal(usage.code, 2);
  assert.match(usage.stderr, /a duration from 250ms to 1d/);
});

/** One more answer than there are now. @param that a pattern for the rest of its line, or for one after it */
async function another(program: Program, that = ''): Promise<void> {
  await program.take(new RegExp(`^[^]{${program.stdout.length}}[^]*^\\{"id"${that}`, 'm'));
}

/** Cursor home, and clear to the end. */
const DRAWN = '\u001b[H\u001b[J';

function start(...args: string[]): Program {
  return startProgram(CLI, ['--state', lab.folder, ...args]);
}
