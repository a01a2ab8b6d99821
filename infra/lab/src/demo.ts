/**
 * `npm run demo`: the main job on a domain of real servers, from nothing and back to nothing.
 *
 * Everything that it shows was printed by the command line a user would use, or was read from the servers' own logs.
 * It ends with 0 only if each step did what it says. On Prosody: `npm run demo -- --server prosody`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EXIT } from '@mom4c/core';
import { familyOf } from './process-table.ts';
import { startLab } from './lab.ts';
import type { Lab } from './lab.ts';
import { follow, readLog } from './log-reader.ts';
import { XMPP_SERVERS, xmppServerKind } from './xmpp-server.ts';

const CLI = fileURLToPath(new URL('../../../apps/cli/bin/mom4c.js', import.meta.url));
const DOMAIN = 'alpha.test';
const WIDTH = 110;
const BASE64 = /[A-Za-z0-9+/]{64,}={0,2}/g;

const { values } = parseArgs({ options: { server: { type: 'string', default: XMPP_SERVERS[0] } } });
const server = xmppServerKind(values.server);

const abort = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => abort.abort());

const folder = mkdtempSync(join(tmpdir(), 'mom4c-demo-'));
let lab: Lab | undefined;
try {
  lab = await bringUp();
  await normalCommand(lab);
  await silentTarget(lab);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = EXIT.bug;
} finally {
  heading('Take everything down');
  await lab?.down();
  rmSync(folder, { recursive: true, force: true });
  note(
    process.exitCode
      ? 'the demo FAILED'
      : 'all servers and nodes are stopped, nothing is left; the demo succeeded',
  );
}

async function bringUp(): Promise<Lab> {
  heading(
    'A whole domain from nothing: XMPP, LDAP and NATS servers, certificate authority, one manager, three executors',
  );
  const started = performance.now();
  const made = await startLab({
    folder,
    domains: [DOMAIN],
    server,
    executors: 3,
    showStanzas: true,
    progress,
    signal: abort.signal,
  });
  note(
    `up in ${seconds(started)}: every node made its account, enrolled a certificate by SCEP and logged in with it`,
  );
  return made;
}

async function normalCommand(running: Lab): Promise<void> {
  heading('Who is there');
  await mom4c(['nodes'], EXIT.ok);
  heading('Every sensor of every task executor');
  const stanzas = follow(serverLog(running));
  const answered = await mom4c(['listsensors'], EXIT.ok);
  heading('One stanza of that, as the XMPP server saw it');
  const seen = await stanzas.take(/<message[^>]*type='groupchat'.*<\/message>/);
  console.log(fold(seen));
  const log = readLog(serverLog(running));
  // What is merely encoded would be no secret: so every run of base64 is decoded and looked through as well.
  const readable = [
    log,
    ...(log.match(BASE64) ?? []).map((text) => Buffer.from(text, 'base64').toString('latin1')),
  ];
  for (const word of ['listsensors', 'host/load1', sensorIn(answered)]) {
    const seenIn = readable.filter((text) => text.includes(word)).length;
    note(`“${word}” in what the server logged of its traffic, plain or base64: ${seenIn} times`);
    if (seenIn > 0) throw new Error(`the server could read ${word}`);
  }
  note(`that were ${log.length.toLocaleString('en')} characters and ${readable.length - 1} encoded parts`);
}

async function silentTarget(running: Lab): Promise<void> {
  heading('te3 dies in the middle of a command');
  const te3 = running.domain(DOMAIN).node('te3');
  const agent = familyOf(te3.process!).find(({ pid }) =>
    readLog(`/proc/${pid}/cmdline`).includes('sensor-agent'),
  );
  if (!agent) throw new Error('te3 has no sensor agent');
  note('its sensor agent is stopped (SIGSTOP), so that the command cannot finish there …');
  process.kill(agent.pid, 'SIGSTOP');
  const log = follow(te3.process!.logFile);
  const answer = mom4c(['listsensors', '--timeout', '4s'], EXIT.noAnswer);
  await log.take(/"msg":"taken"/);
  note('… te3 has taken the command: kill -9');
  await te3.stop({ signal: 'SIGKILL' });
  const { exitCode } = await answer;
  note(`the answer has a line for te3, and the exit code is ${exitCode}: no answer is not success`);
  heading('te3 starts again, from its keystore');
  await te3.start();
  await mom4c(['ping', '--target', 'te3'], EXIT.ok);
}

/** Runs the command line as a user would, shows what it prints, and holds its exit code against what is stated. */
async function mom4c(
  args: readonly string[],
  expected: number,
): Promise<{ exitCode: number; output: string }> {
  console.log(`$ mom4c ${args.join(' ')}`);
  const started = performance.now();
  const child = spawn(process.execPath, [CLI, '--state', folder, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? EXIT.bug));
  });
  console.log(output.trimEnd());
  note(`exit code ${exitCode}, ${seconds(started)}`);
  if (exitCode !== expected)
    throw new Error(`mom4c ${args.join(' ')} ended with ${exitCode}, not with ${expected}`);
  return { exitCode, output };
}

function serverLog(running: Lab): string {
  return running.domain(DOMAIN).xmppLog;
}

/** The value of some reading: if the server could see results, it would see that. */
function sensorIn({ output }: { output: string }): string {
  const value = /host\/memory\S*\s+(\d{5,})/.exec(output)?.[1];
  if (value === undefined) throw new Error('the table shows no memory reading');
  return value;
}

function fold(text: string): string {
  return (text.match(new RegExp(`.{1,${WIDTH}}`, 'gs')) ?? []).map((line) => `  ${line}`).join('\n');
}

function heading(text: string): void {
  console.log(`\n── ${text}\n`);
}

function note(text: string): void {
  console.log(`   (${text})`);
}

function progress(line: string): void {
  console.log(`   ${line}`);
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
