/** Where a partner's server may be: as configured, or as DNS says (RFC 6120 §3.2, XEP-0368). */
import { resolveSrv } from 'node:dns/promises';
import type { SrvRecord } from 'node:dns';
import { Mom4cError, type Clock, type Random } from '@mom4c/core';
import type { HostPair, S2sAddress, S2sPolicy } from './s2s.ts';

export type S2sTarget = {
  readonly host: string;
  readonly port: number;
  /** TLS from the first octet. */
  readonly direct: boolean;
};

/** Of what DNS gives. */
const MAX_TARGETS = 6;
const DNS_MS = 10_000;
/** RFC 6120 §3.2.2. XEP-0368 names none for direct TLS. */
const STARTTLS_PORT = 5269;

/** In the order in which they are to be tried; at least one.
 *  @throws Mom4cError M4C_PARTNER_STREAM (DNS says that there is none, or nothing), M4C_STOPPED */
export async function s2sTargets(asked: {
  readonly pair: HostPair;
  readonly address: S2sAddress;
  readonly policy: S2sPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}): Promise<readonly S2sTarget[]> {
  const { pair, address, policy } = asked;
  const kinds = [...(policy.tls === 'direct' ? [] : [false]), ...(policy.tls === 'starttls' ? [] : [true])];
  if (address !== 'srv')
    // Which kind a port is for shows when it is tried: what is for direct TLS ends a connection that begins in clear.
    return kinds.map((direct) => ({ ...address, direct }));
  const answers = await bounded(asked, Promise.all(kinds.map((direct) => lookUp(pair.remote, direct))));
  return orderedTargets(pair.remote, kinds, answers, asked.random);
}

/** @param answers of each kind; undefined: DNS knows no such records */
export function orderedTargets(
  host: string,
  kinds: readonly boolean[],
  answers: readonly (readonly SrvRecord[] | undefined)[],
  random: Random,
): readonly S2sTarget[] {
  const found = kinds.flatMap((direct, index) =>
    (answers[index] ?? []).map(({ name, port, priority, weight }) => ({
      priority,
      // RFC 2782: chosen in proportion to the weight.
      late: -Math.log(fraction(random)) / (weight + 0.01),
      target: { host: name, port, direct },
    })),
  );
  const usable = found
    .filter(({ target }) => target.host !== '' && target.host !== '.' && target.port > 0)
    .toSorted((a, b) => a.priority - b.priority || a.late - b.late)
    .map(({ target }) => target);
  if (usable.length > 0) return usable.slice(0, MAX_TARGETS);
  // A record of "." says that the service is not there (RFC 2782).
  if (found.length > 0)
    throw new Mom4cError('M4C_PARTNER_STREAM', `DNS says that ${host} has no such service`);
  if (kinds.includes(false)) return [{ host, port: STARTTLS_PORT, direct: false }];
  throw new Mom4cError('M4C_PARTNER_STREAM', `DNS has no _xmpps-server record for ${host}`);
}

/** Above 0, at most 1. */
function fraction(random: Random): number {
  return (Buffer.from(random.bytes(4)).readUInt32BE() + 1) / 2 ** 32;
}

async function lookUp(host: string, direct: boolean): Promise<readonly SrvRecord[] | undefined> {
  try {
    return await resolveSrv(`_xmpp${direct ? 's' : ''}-server._tcp.${host}`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTFOUND' || code === 'ENODATA') return undefined;
    throw new Mom4cError('M4C_PARTNER_STREAM', `DNS: ${code ?? 'no answer'}`, { cause: error });
  }
}

function bounded<Value>(
  { clock, signal }: { clock: Clock; signal: AbortSignal },
  work: Promise<Value>,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new Mom4cError('M4C_STOPPED'));
    const cancel = clock.after(DNS_MS, () =>
      reject(new Mom4cError('M4C_PARTNER_STREAM', 'DNS does not answer')),
    );
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    work.then(resolve, reject).finally(() => {
      cancel();
      signal.removeEventListener('abort', stop);
    });
  });
}
