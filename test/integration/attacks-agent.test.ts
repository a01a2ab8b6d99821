/**
 * A sensor agent in the hands of an attacker, on the node's own bus (a real nats-server): it has its certificate, and answers
 * the task executor's questions with whatever it likes. The same agent, honest, is believed before and after each lie.
 * What it may not do on the bus at all is in bus.test.ts.
 */
// Mutations seen red: the answer's shape not checked; names of sensors not checked; the call not ended by its signal; name
// or subject in the agent's description not compared; silence about an order taken for a failure.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { agentUser, callerUser, connectBus, startNodeBus } from '@mom4c/bus';
import type { Bus, BusTls, NodeBus } from '@mom4c/bus';
import { systemRandom } from '@mom4c/core';
import type { ErrorCode, SensorPort, SensorRecord } from '@mom4c/core';
import { createBusAuthority } from '@mom4c/pki';
import type { BusAuthority } from '@mom4c/pki';
import { createActuatorPort, createSensorPort } from '@mom4c/task-executor';
import { silent } from './nats-domain.ts';
import { connectRaw } from './raw-nats.ts';
import type { RawMessage, RawNats } from './raw-nats.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-agent-'));
const RECORD: SensorRecord = { n: 'host/load1', u: '/', v: 0.5 };
const HONEST = JSON.stringify({ sensors: [RECORD] });
const INFO = JSON.stringify({
  name: 'sensors',
  endpoints: [{ name: 'list', subject: 'agent.sensors.list' }],
});

let authority: BusAuthority;
let node: NodeBus;
let supervisor: Bus;
let sensors: SensorPort;
let agent: RawNats;
/** What the agent does with a question. */
let answer: (message: RawMessage) => void;
let inform: (message: RawMessage) => void;

before(async () => {
  authority = await createBusAuthority(systemRandom);
  const { certificate: cert, key } = await authority.server();
  node = await startNodeBus({
    ...{ name: 'te1', folder, credentials: { ca: authority.certificate, cert, key }, log: silent },
    users: [agentUser('sensors'), agentUser('actuators'), callerUser('supervisor')],
  });
  supervisor = await connectBus({
    url: node.url,
    name: 'supervisor',
    tls: await tls('supervisor'),
    log: silent,
  });
  sensors = createSensorPort(supervisor);
  agent = await connectRaw(node.url, await tls('sensors'));
  await agent.subscribe('$SRV.INFO.sensors', (message) => inform(message));
  await agent.subscribe('agent.sensors.list', (message) => answer(message));
  beHonest();
});

after(async () => {
  agent?.close();
  await supervisor?.close();
  await node?.stop();
  rmSync(folder, { recursive: true });
});

async function tls(name: string): Promise<BusTls> {
  const { certificate: cert, key } = await authority.client(name);
  return { ca: authority.certificate, cert, key };
}

const say =
  (text: string) =>
  ({ reply }: RawMessage): void =>
    agent.publish(reply!, text);

function beHonest(): void {
  inform = say(INFO);
  answer = say(HONEST);
}

const list = (ms = 5000): Promise<readonly SensorRecord[]> => sensors.list(AbortSignal.timeout(ms));

async function isHonest(): Promise<void> {
  beHonest();
  assert.deepEqual(await list(), [RECORD]);
}

async function refused(code: ErrorCode, what: string, lie: () => void, ms?: number): Promise<void> {
  await isHonest();
  lie();
  await assert.rejects(list(ms), { code }, what);
  await isHonest();
}

test('an answer is what was asked for, or no answer', async () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  const lies: Record<string, string> = {
    nothing: '',
    'no JSON': 'sensors',
    'half of it': HONEST.slice(0, -3),
    'something else': '{"sensors":"all"}',
    'a field more': JSON.stringify({ sensors: [{ ...RECORD, sudo: true }] }),
    'a value that is none': '{"sensors":[{"n":"host/load1","v":1e999}]}',
    'a name that steers a terminal': JSON.stringify({ sensors: [{ ...RECORD, n: 'a\u001b[2J' }] }),
    'a name of 10,000 letters': JSON.stringify({ sensors: [{ ...RECORD, n: 'a'.repeat(10_000) }] }),
    'a text of 10,000 letters': JSON.stringify({ sensors: [{ ...RECORD, vs: 'a'.repeat(10_000) }] }),
    'an error that there is not': JSON.stringify({ sensors: [{ n: 'a', error: { code: 'M4C_ROOT' } }] }),
    'more sensors than there may be': JSON.stringify({ sensors: Array.from({ length: 2001 }, () => RECORD) }),
    '100,000 deep': deep,
    'a prototype': '{"__proto__":{"sensors":[]}}',
  };
  for (const [what, text] of Object.entries(lies))
    await refused('M4C_BAD_RESULT', what, () => (answer = say(text)));
});

test('an agent speaks for itself only', async () => {
  const elsewhere = (name: string, subject: string): string =>
    JSON.stringify({ name, endpoints: [{ name: 'list', subject }] });
  const { length } = agent.errors;
  await refused('M4C_BAD_RESULT', 'another name', () => {
    inform = say(elsewhere('actuators', 'agent.sensors.list'));
  });
  await refused('M4C_BAD_RESULT', 'the subject of another', () => {
    inform = say(elsewhere('sensors', 'agent.actuators.list'));
  });
  assert.equal(agent.errors.length, length, 'it had the right to lie of itself');
  // It answers one question by the inbox of the next one, which it has to guess: the server lets it answer once, there.
  await refused(
    'M4C_AGENT_TIMEOUT',
    'an answer to another question',
    () => (answer = ({ reply }) => agent.publish(`${reply!.slice(0, -1)}0`, HONEST)),
    500,
  );
  assert.match(agent.errors.slice(length).join(), /Permissions Violation for Publish/i);
});

test('silence ends with the time of the call', async () => {
  await refused('M4C_AGENT_TIMEOUT', 'silence', () => (answer = () => {}), 300);
  await refused('M4C_AGENT_TIMEOUT', 'no word of what it is', () => (inform = () => {}), 300);
});

test('an agent that floods is served no worse and no better, and the next call is answered', async () => {
  await isHonest();
  const many = 20_000;
  answer = ({ reply }) => {
    for (let index = 0; index < many; index++) agent.publish(reply!, HONEST);
  };
  assert.deepEqual(await list(), [RECORD], 'the first of them is the answer');
  await agent.flush();
  await isHonest();
  for (let index = 0; index < many; index++) agent.publish('agent.actuators.list', 'x');
  await agent.flush();
  await isHonest();
  assert.ok(supervisor.connected);
});

test('whoever takes an order and says nothing leaves its outcome unknown; whoever was never asked does not', async () => {
  const own = await connectRaw(node.url, await tls('actuators'));
  const endpoints = [{ name: 'set', subject: 'agent.actuators.set' }];
  let informs = true;
  let answers: string | undefined = '{}';
  const orders: string[] = [];
  await own.subscribe('$SRV.INFO.actuators', ({ reply }) => {
    if (informs) own.publish(reply!, JSON.stringify({ name: 'actuators', endpoints }));
  });
  await own.subscribe('agent.actuators.set', ({ reply, payload }) => {
    orders.push(payload);
    if (answers !== undefined) own.publish(reply!, answers);
  });
  const before = Date.now() + 60_000;
  const actuators = createActuatorPort(supervisor, '01890a5d-ac96-774b-bcce-b302099a8057', before);
  const set = (ms = 5000): Promise<void> => actuators.set('fan', 7, AbortSignal.timeout(ms));
  await set();
  assert.deepEqual(JSON.parse(orders[0]!), { name: 'fan', value: 7, before });
  answers = undefined;
  await assert.rejects(set(300), { code: 'M4C_OUTCOME_UNKNOWN' });
  answers = '{"done":true}';
  await assert.rejects(set(), { code: 'M4C_BAD_RESULT' });
  informs = false;
  await assert.rejects(set(300), { code: 'M4C_AGENT_TIMEOUT' });
  assert.equal(orders.length, 3);
  informs = true;
  answers = '{}';
  await set();
  own.close();
});

test('what is larger than the bus carries ends the connection of the agent, and nothing else', async () => {
  await isHonest();
  const other = await connectRaw(node.url, await tls('actuators'));
  other.publish('agent.actuators.x', 'x'.repeat(1_000_000));
  await other.closed;
  assert.match(other.errors.join(), /Maximum Payload/i);
  await isHonest();
});
