/**
 * Free TCP ports on loopback for servers that are about to start. A port stays reserved by this process until it is
 * released or the process ends: a listening abstract Unix socket named after it is the reservation, so that several
 * labs can run side by side, and nothing is left on disk. Once the server listens, the port guards itself.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import type { ListenOptions, Server } from 'node:net';
import { Mom4cError } from '@mom4c/core';

/** Below the range from which Linux takes ports for outgoing connections (32768 and up). */
const FIRST = 20_000;
const LAST = 32_767;
const TRIES = 400;
export const LOOPBACK = '127.0.0.1';

const reserved = new Map<string, Server>();

/** Reserves `count` different ports that nobody listens on. @throws Mom4cError M4C_LAB if there are too few */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count && tries < TRIES; tries++) {
    const port = randomInt(FIRST, LAST + 1);
    if (await reservePort(port)) ports.push(port);
  }
  if (ports.length === count) return ports;
  releasePorts(ports);
  throw new Mom4cError('M4C_LAB', `found only ${ports.length} of ${count} free ports`);
}

/** One port, as by `freePorts`. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port!;
}

/** @returns false if somebody else has reserved the port, or listens there */
export async function reservePort(port: number): Promise<boolean> {
  if (!(await reserve(nameOf(port)))) return false;
  if (!(await isPortTaken(port))) return true;
  release(nameOf(port));
  return false;
}

/** Until it is released or this process ends. @returns false if somebody on this machine has reserved the name */
export async function reserve(name: string): Promise<boolean> {
  const reservation = await listen({ path: `\0mom4c-${name}` });
  if (!reservation) return false;
  reservation.unref();
  reserved.set(name, reservation);
  return true;
}

export function releasePorts(ports: readonly number[]): void {
  for (const port of ports) release(nameOf(port));
}

function release(name: string): void {
  reserved.get(name)?.close();
  reserved.delete(name);
}

function nameOf(port: number): string {
  return `port-${port}`;
}

/** Does anybody listen there? */
export async function isPortTaken(port: number): Promise<boolean> {
  const probe = await listen({ host: LOOPBACK, port, exclusive: true });
  if (probe) await close(probe);
  return probe === undefined;
}

/** @returns undefined if the address is in use */
function listen(options: ListenOptions): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(options, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
