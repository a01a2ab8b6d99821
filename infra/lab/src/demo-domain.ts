/**
 * The main job on a domain of real servers, from nothing and back to nothing.
 *
 * Everything that it shows was printed by the command line a user would use, or was read from the servers' own logs.
 */
import { EXIT } from '@mom4c/core';
import { fold, heading, note, perform, seconds } from './demo-stage.ts';
import type { Stage } from './demo-stage.ts';
import type { Lab } from './lab.ts';
import { follow, readLog } from './log-reader.ts';
import { familyOf } from './process-table.ts';
import type { XmppServerKind } from './xmpp-server.ts';

const DOMAIN = 'alpha.test';
const BASE64 = /[A-Za-z0-9+/]{64,}={0,2}/g;

export function showDomain(server: XmppServerKind): Promise<void> {
  return perform(async (stage) => {
    const lab = await bringUp(stage, server);
    await normalCommand(stage, lab);
    await silentTarget(stage, lab);
  });
}

async function bringUp(stage: Stage, server: XmppServerKind): Promise<Lab> {
  heading(
    'A whole domain from nothing: XMPP, LDAP and NATS servers, certificate authority, one manager, three executors',
  );
  const started = performance.now();
  const made = await stage.bringUp({ domains: [DOMAIN], server, executors: 3 });
  note(
    `up in ${seconds(started)}: every node made its account, enrolled a certificate by SCEP and logged in with it`,
  );
  return made;
}

async function normalCommand({ mom4c }: Stage, running: Lab): Promise<void> {
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

async function silentTarget({ mom4c }: Stage, running: Lab): Promise<void> {
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

function serverLog(running: Lab): string {
  return running.domain(DOMAIN).xmppLog;
}

/** The value of some reading: if the server could see results, it would see that. */
function sensorIn({ output }: { output: string }): string {
  const value = /host\/memory\S*\s+(\d{5,})/.exec(output)?.[1];
  if (value === undefined) throw new Error('the table shows no memory reading');
  return value;
}
