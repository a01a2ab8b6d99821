/** Takes streams of other servers, direct TLS or STARTTLS on one port, and authenticates who opens them. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Mom4cError } from '@mom4c/core';
import type { HostPair, S2sCredentials } from './s2s.ts';
import type { S2sLimits, S2sListening } from './s2s-listening.ts';
import { receiveS2s } from './s2s-receiver.ts';
import { s2sFault } from './s2s-stream.ts';
import { s2sContext, s2sSocketFault } from './s2s-tls.ts';
import { createXmlLink, type XmlLink } from './xml-link.ts';

export type S2sListener = {
  readonly port: number;
  readonly connections: number;
  /** For handshakes from now on. @throws Mom4cError M4C_CERTIFICATE_INVALID, and the former stay */
  renew(credentials: S2sCredentials): void;
  /** Ends all streams in order. */
  stop(): Promise<void>;
};

type Guest = {
  readonly link: XmlLink;
  readonly address: string;
  /** `verified`: it has shown the certificate of the host that it claims to be. */
  state: 'unknown' | 'verified' | 'stream';
  pair?: HostPair;
};

const LIMITS: S2sLimits = { connections: 1_024, halfOpen: 256, halfOpenPerAddress: 64 };
/** Streams, and log-ins on their way, but for those that are ending. More than one: the former may be dead and not yet
 *  noticed. */
const MAX_OF_PAIR = 8;

/** @throws Mom4cError M4C_CONFIG (the port cannot be had), M4C_CERTIFICATE_INVALID */
export async function listenS2s(listening: S2sListening): Promise<S2sListener> {
  const { host, port, log, clock, onStream, onRefused } = listening;
  const limits = { ...LIMITS, ...listening.limits };
  let context = s2sContext(listening.credentials, 'TLSv1.2');
  let credentials = listening.credentials;
  /** Oldest first. */
  const guests = new Set<Guest>();
  const server = createServer({ pauseOnConnect: true }, (socket) => void admit(socket));

  async function admit(socket: Socket): Promise<void> {
    const address = socket.remoteAddress ?? 'unknown';
    if (!makeRoom(address)) {
      socket.destroy();
      onRefused(new Mom4cError('M4C_BUSY', 'too many connections'), address);
      return;
    }
    let claimed = address;
    const link = createXmlLink(socket, {
      log,
      clock,
      code: 'M4C_PARTNER_STREAM',
      socketFault: s2sSocketFault,
      streamFault: s2sFault,
      onDropped: (reason) => onRefused(new Mom4cError('M4C_TOO_LARGE', `a stanza was ${reason}`), claimed),
      // Before, it is why there is no stream.
      onFault: (error) => guest.state === 'stream' && onRefused(error, claimed),
    });
    const guest: Guest = { link, address, state: 'unknown' };
    guests.add(guest);
    void link.closed.then(() => guests.delete(guest));
    try {
      const stream = await receiveS2s({
        link,
        address: `${address}:${socket.remotePort}`,
        context,
        listening: { ...listening, credentials },
        onClaim: (remote) => (claimed = remote),
        onAdmitted(pair, isVerified) {
          const isOfPair = (other: Guest): boolean => samePair(other.pair, pair) && other.link.isOpen;
          if (countOf(isOfPair) >= MAX_OF_PAIR && !giveWay(isOfPair)) return false;
          guest.pair = pair;
          if (isVerified) guest.state = 'verified';
          return true;
        },
      });
      if (!stream) return;
      guest.state = 'stream';
      onStream(stream);
    } catch (thrown) {
      const error =
        thrown instanceof Mom4cError ? thrown : new Mom4cError('M4C_INTERNAL', undefined, { cause: thrown });
      link.destroy(error);
      onRefused(error, claimed);
    }
  }

  /** Whoever floods pushes out his own connections; one that proves itself in time is pushed out by nobody. */
  function makeRoom(address: string): boolean {
    const unproved = (guest: Guest): boolean => guest.state !== 'stream';
    if (countOf((guest) => unproved(guest) && guest.address === address) >= limits.halfOpenPerAddress)
      if (!giveWay((guest) => guest.address === address)) return false;
    if (countOf(unproved) >= limits.halfOpen || guests.size >= limits.connections) return giveWay(() => true);
    return true;
  }

  function giveWay(may: (guest: Guest) => boolean): boolean {
    for (const guest of guests) {
      if (guest.state !== 'unknown' || !may(guest)) continue;
      guests.delete(guest);
      guest.link.destroy(new Mom4cError('M4C_BUSY', 'gave way to a newer connection'));
      return true;
    }
    return false;
  }

  function countOf(holds: (guest: Guest) => boolean): number {
    let count = 0;
    for (const guest of guests) if (holds(guest)) count += 1;
    return count;
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new Mom4cError('M4C_CONFIG', `cannot listen on ${host}:${port}: ${error.code ?? error.message}`),
      ),
    );
    server.listen(port, host, resolve);
  });
  server.on('error', (error) => log.warn({ err: error }, 'a connection could not be taken'));

  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return guests.size;
    },
    renew(fresh) {
      context = s2sContext(fresh, 'TLSv1.2');
      credentials = fresh;
    },
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const stopped = new Mom4cError('M4C_STOPPED');
      for (const guest of guests) {
        if (guest.state === 'stream') void guest.link.close(stopped, 'system-shutdown');
        else guest.link.destroy(stopped);
      }
      await closed;
    },
  };
}

function samePair(one: HostPair | undefined, other: HostPair): boolean {
  return one?.local === other.local && one.remote === other.remote;
}
