// Mutation seen red: (1) verify_and_map false; (2) agentUser subscribing to `agent.>`; (3) the subject in an agent's
// own description not compared; (4) no --pdeathsig; (5) the port not kept over a restart; (6) server.key not removed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import {
  agentUser,
  callAgent,
  callerUser,
  connectBus,
  serveAgent,
  startNodeBus,
  type AgentDefinition,
  type Bus,
  type BusTls,
  type NodeBus,
} from '@mom4c/bus';
import { Mom4cError, systemRandom } from '@mom4c/core';
import { createBusAuthority, type BusAuthority } from '@mom4c/pki';
import { silent } from './nats-domain.ts';
import { gone } from '../support/processes.ts';
import { connectRaw, type RawNats } from './raw-nats.ts';

const folder = mkdtempSync(join(tmpdir(), 'mom4c-bus-'));
let authority: BusAuthority;
let node: NodeBus;
let caller: Bus;

before(async () => {
  authority = await createBusAuthority(systemRandom);
  node = await startServer(folder);
  caller = await connectBus({ url: node.url, name: 'supervisor', tls: await tls('supervisor'), log: silent });
});
after(async () => {
  await caller?.close();
  await node?.stop();
  assert.deepEqual(readdirSync(folder), []);
  rmSync(folder, { recursive: true });
});

async function startServer(at: string): Promise<NodeBus> {
  const server = await authority.server();
  return await startNodeBus({
    name: 'te1',
    folder: at,
    credentials: { ca: authority.certificate, cert: server.certificate, key: server.key },
    users: [agentUser('sensors'), agentUser('actuators'), callerUser('supervisor')],
    log: silent,
  });
}

async function tls(name: string): Promise<BusTls> {
  const { certificate, key } = await authority.client(name);
  return { ca: authority.certificate, cert: certificate, key };
}

const call = (endpoint: string, args?: unknown, timeoutMs = 2000): Promise<unknown> =>
  callAgent(caller, { agent: 'sensors', endpoint, args, timeoutMs, parse: (value) => value });

async function serve(endpoints: AgentDefinition['endpoints'], use: () => Promise<void>): Promise<void> {
  const bus = await connectBus({ url: node.url, name: 'sensors', tls: await tls('sensors'), log: silent });
  await serveAgent(bus, { name: 'sensors', version: '1.0.0', description: 'test', endpoints }, silent);
  try {
    await use();
  } finally {
    await bus.close();
  }
}

/** An agent with the right certificate that lies. */
async function lie(
  info: (endpoint: string) => string,
  reply: string,
  use: (raw: RawNats) => Promise<void>,
): Promise<void> {
  const raw = await connectRaw(node.url, await tls('sensors'));
  await raw.subscribe('$SRV.INFO.sensors', (message) =>
    raw.publish(message.reply!, info('agent.sensors.list')),
  );
  await raw.subscribe('agent.sensors.list', (message) => raw.publish(message.reply!, reply));
  try {
    await use(raw);
  } finally {
    raw.close();
    await raw.closed;
  }
}

const honest = (subject: string): string =>
  JSON.stringify({ name: 'sensors', endpoints: [{ name: 'list', subject }] });

test('arguments go in, JSON comes out, errors of the catalogue arrive as such, bugs only by their id', async () => {
  const endpoints = {
    echo: async (args: unknown) => ({ args }),
    fail: async () => Promise.reject(new Mom4cError('M4C_SENSOR_UNKNOWN', 'why')),
    bug: async () => Promise.reject(new Error('/a/path')),
    big: async () => 'x'.repeat(300_000),
  };
  await serve(endpoints, async () => {
    assert.deepEqual(await call('echo', { a: [1, null, 'é'] }), { args: { a: [1, null, 'é'] } });
    assert.deepEqual(await call('echo'), { args: null });
    await assert.rejects(call('fail'), { code: 'M4C_SENSOR_UNKNOWN', detail: 'why' });
    await assert.rejects(call('bug'), {
      code: 'M4C_INTERNAL',
      detail: undefined,
      correlation: /^[0-9a-f-]{36}$/,
    });
    await assert.rejects(call('big'), { code: 'M4C_TOO_LARGE' });
    await assert.rejects(call('echo', 'x'.repeat(300_000)), { code: 'M4C_TOO_LARGE' });
    await assert.rejects(call('absent'), { code: 'M4C_AGENT_UNAVAILABLE' });
  });
});

test('nobody there is M4C_AGENT_UNAVAILABLE; silence or an aborted call is M4C_AGENT_TIMEOUT', async () => {
  await assert.rejects(call('list'), { code: 'M4C_AGENT_UNAVAILABLE' });
  await serve({ list: () => new Promise(() => {}) }, async () => {
    await assert.rejects(call('list', null, 100), { code: 'M4C_AGENT_TIMEOUT' });
    const signal = AbortSignal.timeout(50);
    const slow = callAgent(caller, {
      agent: 'sensors',
      endpoint: 'list',
      timeoutMs: 60_000,
      signal,
      parse: String,
    });
    await assert.rejects(slow, { code: 'M4C_AGENT_TIMEOUT' });
  });
});

test('a lying agent is M4C_BAD_RESULT', async () => {
  await lie(honest, '[1]', async () => assert.deepEqual(await call('list'), [1]));
  const bad: [(subject: string) => string, string][] = [
    [honest, '{'],
    [honest, ''],
    [() => honest('agent.actuators.list'), '[1]'],
    [() => honest('agent.sensors.>'), '[1]'],
    [(subject) => honest(subject).replace('"name":"sensors"', '"name":"other"'), '[1]'],
    [() => 'null', '[1]'],
    [() => '{"name":"sensors","endpoints":{}}', '[1]'],
  ];
  for (const [info, reply] of bad)
    await lie(info, reply, () =>
      assert.rejects(call('list'), { code: 'M4C_BAD_RESULT' }, `${info('s')} ${reply}`),
    );
  await lie(honest, '[1]', async () => {
    const parse = (): never => {
      throw new TypeError('not what it should be');
    };
    const checked = callAgent(caller, { agent: 'sensors', endpoint: 'list', timeoutMs: 2000, parse });
    await assert.rejects(checked, { code: 'M4C_BAD_RESULT' });
  });
});

test('with the certificate of an agent one can neither listen to others, nor call or answer unasked', async () => {
  const raw = await connectRaw(node.url, await tls('sensors'));
  for (const subject of [
    '>',
    'agent.>',
    'agent.*.list',
    'agent.actuators.*',
    '_INBOX.>',
    '$SRV.>',
    '$SRV.INFO.actuators',
  ]) {
    const before = raw.errors.length;
    await raw.subscribe(subject, () => assert.fail('got a message'));
    assert.match(raw.errors.slice(before).join(), /Permissions Violation for Subscription/i, subject);
  }
  for (const subject of ['agent.actuators.set', '_INBOX.abc', '$SRV.INFO.actuators']) {
    const before = raw.errors.length;
    raw.publish(subject, 'x');
    await raw.flush();
    assert.match(raw.errors.slice(before).join(), /Permissions Violation for Publish/i, subject);
  }
  raw.close();
  await raw.closed;
});

test('nobody comes in without a certificate, with a foreign one, or under a name that is not a user', async () => {
  const { cert, key, ca } = await tls('nobody');
  const foreign = await (await createBusAuthority(systemRandom)).client('sensors');
  await assert.rejects(connectRaw(node.url, { ca }));
  await assert.rejects(connectRaw(node.url, { ca, cert: foreign.certificate, key: foreign.key }));
  await assert.rejects(connectRaw(node.url, { ca, cert, key }), /Authorization Violation/);
  const refused = connectBus({ url: node.url, name: 'nobody', tls: { ca, cert, key }, log: silent });
  await assert.rejects(refused, { code: 'M4C_BUS_UNREACHABLE', detail: /does not know this certificate/ });
  // And the other way round: a server under another authority is not ours.
  const strange = connectBus({
    url: node.url,
    name: 'x',
    tls: { ...(await tls('sensors')), ca: foreign.certificate },
    log: silent,
  });
  await assert.rejects(strange, { code: 'M4C_BUS_UNREACHABLE' });
});

test('the files of the server are for its owner only, and its key is gone once it runs', () => {
  for (const name of readdirSync(join(folder, 'nats')).filter((file) => !file.endsWith('.ports')))
    assert.equal(statSync(join(folder, 'nats', name)).mode & 0o077, 0, name);
  assert.equal(existsSync(join(folder, 'nats', 'server.key')), false);
});

test('a server that was killed comes back at the same address, and its clients with it', {
  timeout: 60_000,
}, async () => {
  const pid = node.pid!;
  const seen: boolean[] = [];
  const back = new Promise<void>((resolve) => {
    caller.onConnection((connected) => {
      seen.push(connected);
      if (connected) resolve();
    });
  });
  process.kill(pid, 'SIGKILL');
  await back;
  assert.deepEqual(seen, [false, true]);
  assert.notEqual(node.pid, pid);
  await serve({ list: async () => 1 }, async () => assert.equal(await call('list'), 1));
});

test('a missing server program is named with the package that has it', async () => {
  const missing = startNodeBus({
    name: 'te1',
    binary: 'no-such-nats-server',
    folder: join(folder, 'missing'),
    credentials: { ca: '', cert: '', key: '' },
    users: [],
    log: silent,
  });
  await assert.rejects(missing, { code: 'M4C_PACKAGE_MISSING', detail: /apt-get install nats-server/ });
});

test('the server dies with its supervisor, even of SIGKILL', { timeout: 60_000 }, async () => {
  const at = mkdtempSync(join(tmpdir(), 'mom4c-bus-'));
  const program = `
    import { createBusAuthority } from '${import.meta.resolve('@mom4c/pki')}';
    import { startNodeBus } from '${import.meta.resolve('@mom4c/bus')}';
    import { systemRandom } from '${import.meta.resolve('@mom4c/core')}';
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    const authority = await createBusAuthority(systemRandom);
    const { certificate, key } = await authority.server();
    const credentials = { ca: authority.certificate, cert: certificate, key };
    const bus = await startNodeBus({ name: 'te1', folder: ${JSON.stringify(at)}, credentials, users: [], log });
    console.log(bus.pid);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [pid] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  assert.ok(existsSync(`/proc/${pid}`));
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  await gone(Number(pid));
  rmSync(at, { recursive: true });
});
