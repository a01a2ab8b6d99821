// Mutation seen red: the reservation ignored; not closed when the port is refused.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { freePort, freePorts, isPortTaken, releasePorts, reservePort } from './ports.ts';

const MODULE = new URL('./ports.ts', import.meta.url).href;

/** What another process gets when it reserves the port. */
async function reserveElsewhere(port: number): Promise<string> {
  const script = `import(${JSON.stringify(MODULE)}).then(({reservePort}) => reservePort(${port})).then(console.log)`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child, 'close');
  return text.trim();
}

test('reserved ports are different, free, and refused to another process until they are released', async () => {
  const ports = await freePorts(20);
  assert.equal(new Set(ports).size, 20);
  const [port] = ports;
  assert.equal(await isPortTaken(port!), false);
  assert.equal(await reserveElsewhere(port!), 'false');
  assert.equal(await reservePort(port!), false);
  releasePorts(ports);
  assert.equal(await reserveElsewhere(port!), 'true');
});

test('a port on which somebody listens is not reserved', async () => {
  const port = await freePort();
  releasePorts([port]);
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  assert.equal(await isPortTaken(port), true);
  assert.equal(await reservePort(port), false);
  server.close();
  await once(server, 'close');
  // The refusal has left no reservation behind.
  assert.equal(await reservePort(port), true);
  releasePorts([port]);
});
