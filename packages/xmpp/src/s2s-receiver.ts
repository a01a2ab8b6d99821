/**
 * What one connection from outside must do to become a stream.
 *
 * INVARIANTS
 * - Who claims to be no partner, and who claims to be one and cannot show its certificate, get the same answer at the same
 *   point: nobody learns here who our partners are (but of those without verified TLS, who are open to all anyway).
 * - What was said in clear counts for nothing after TLS: the header is asked for anew, and must name the same two hosts.
 * - One authentication per stream, and one attempt at it: whatever else is tried ends the connection.
 * - What a stream is made under is what the policy says when it is made: what was changed during the log-in counts.
 * - The verdict of SAML20 is asked for only by who has shown the certificate of the domain that it claims to be.
 */
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { isDomain, Mom4cError } from '@mom4c/core';
import { answerDialback, DIALBACK_FEATURE } from './dialback-receiver.ts';
import type { Element } from './element.ts';
import { NS_SASL, NS_SERVER, NS_STREAM, NS_TLS } from './namespaces.ts';
import type { HostPair, S2sPolicy, S2sStream } from './s2s.ts';
import { authenticatePeer } from './s2s-authentication.ts';
import type { S2sListening } from './s2s-listening.ts';
import { createPhases } from './s2s-phases.ts';
import { belowLevel, Refusal, unusable } from './s2s-refusal.ts';
import { createS2sStream, features, peerOf, streamHeader } from './s2s-stream.ts';
import { checkTls, secureIn, type Secured } from './s2s-tls.ts';
import { MANAGEMENT_FEATURE } from './stream-management.ts';
import type { XmlLink } from './xml-link.ts';

export type Arrival = {
  readonly link: XmlLink;
  /** Of the peer, IP address and port. */
  readonly address: string;
  readonly context: SecureContext;
  readonly listening: S2sListening;
  /** It has named itself, and proved nothing. */
  readonly onClaim: (host: string) => void;
  /** It has met the policy's TLS. @param isVerified it has shown the certificate of the host that it claims to be, so that it
   *  is not just anybody any more @returns is there room for it? */
  readonly onAdmitted: (pair: HostPair, isVerified: boolean) => boolean;
};

type Greeting = { readonly pair: HostPair; readonly id: string };

/** First octet of a TLS record with a handshake. */
const TLS_HANDSHAKE = 0x16;

/** Resolves with the stream that has been authenticated; else the link is closed. Undefined: the peer had only something to ask.
 *  @throws Mom4cError why it was refused, or why the connection ended */
export async function receiveS2s(arrival: Arrival): Promise<S2sStream | undefined> {
  const { link, listening } = arrival;
  try {
    const stream = await negotiate(arrival);
    if (!stream) await link.close(unusable('asked and answered'));
    return stream;
  } catch (thrown) {
    if (thrown instanceof Refusal) {
      await link.close(thrown.error, thrown.condition, thrown.before);
      throw thrown.error;
    }
    if (thrown instanceof Mom4cError) {
      await link.close(thrown);
      throw thrown;
    }
    listening.log.error({ err: thrown }, 'a fault while a stream was negotiated');
    const error = new Mom4cError('M4C_INTERNAL', undefined, { cause: thrown });
    await link.close(error, 'internal-server-error');
    throw error;
  }
}

async function negotiate(arrival: Arrival): Promise<S2sStream | undefined> {
  const { link, listening, context, address } = arrival;
  const { clock, random, log, hosts } = listening;
  const phases = createPhases(link, clock);
  let secured: Secured | undefined;

  async function secure(keep: 'unparsed' | 'nothing'): Promise<void> {
    const wrap = async (raw: Socket): Promise<Socket> => (secured = await secureIn(raw, context)).socket;
    await phases.wait('TLS handshake', link.upgrade(keep, wrap));
  }

  /** RFC 6120 §4.7; both hosts must be named. */
  async function greet(): Promise<Greeting> {
    const root = await phases.wait('stream header', link.next());
    const { from, to, version, xmlns } = root.attrs;
    const known = from !== undefined && isDomain(from) ? from : undefined;
    const local = hosts.find((host) => host === to);
    const id = Buffer.from(random.bytes(16)).toString('hex');
    const header = streamHeader({ from: local ?? hosts[0], to: known, id });
    if (known) arrival.onClaim(known);
    const refuse = (condition: string, error: Mom4cError): Refusal => new Refusal(error, condition, header);
    if (!root.is('stream', NS_STREAM) || xmlns !== NS_SERVER)
      throw refuse('invalid-namespace', unusable('no stream of a server'));
    if (!/^1\.\d{1,4}$/.test(version ?? ''))
      throw refuse('unsupported-version', unusable('another version of XMPP'));
    if (local === undefined) throw refuse('host-unknown', addresses('to no host of ours'));
    if (known === undefined || hosts.includes(known))
      throw refuse('invalid-from', addresses('from no other host'));
    await link.write(header);
    return { pair: { local, remote: known }, id };
  }

  const direct = (await phases.wait('first octet', link.peek())) === TLS_HANDSHAKE;
  if (direct) await secure('unparsed');
  let greeting = await greet();
  let first: Element | undefined;
  if (!secured) {
    const open = listening.policyFor(greeting.pair.remote);
    const inClear = open?.tls === 'opportunistic' ? open : undefined;
    await link.write(inClear ? offer(inClear, STARTTLS) : features(STARTTLS_REQUIRED));
    const element = await phases.wait('STARTTLS', link.next());
    if (element.is('starttls', NS_TLS)) {
      if (link.pipelined)
        throw new Refusal(unusable('something in clear behind STARTTLS'), 'policy-violation');
      await link.write(`<proceed xmlns='${NS_TLS}'/>`);
      await secure('nothing');
      greeting = await greetAgain(greeting);
    } else if (inClear) first = element;
    else throw new Refusal(belowLevel('something else than STARTTLS in clear'), 'policy-violation');
  }
  const { pair, id } = greeting;
  const step = (number: number): void =>
    log.debug(
      { step: number, partner: pair.remote, direction: 'in', stream: id },
      `step ${number} of the log-in`,
    );
  step(1);
  step(2);
  const policy = admitted(pair, direct, secured);
  if (!arrival.onAdmitted(pair, policy.verify !== undefined && secured !== undefined))
    throw new Refusal(
      new Mom4cError('M4C_BUSY', 'too many streams of these two hosts'),
      'resource-constraint',
    );
  if (!first) await link.write(offer(policy));
  step(3);
  const authenticated = await authenticatePeer({
    link,
    phases,
    listening,
    pair,
    id,
    policy,
    first,
    step,
  });
  if (!authenticated) return undefined;
  const { restart, waiting } = authenticated;
  if (restart) {
    link.restart();
    greeting = await greetAgain(greeting);
    await link.write(features(MANAGEMENT_FEATURE));
    step(13);
  }
  if (admitted(pair, direct, secured).authentication !== policy.authentication)
    throw new Refusal(belowLevel('another level than when the log-in began'), 'not-authorized');
  return createS2sStream(
    {
      link,
      id: greeting.id,
      pair,
      direction: 'in',
      peer: peerOf(secured, address),
      clock,
      managed: restart,
      ...(restart
        ? {}
        : { onDialback: (element) => void answerDialback({ link, listening, pair, policy, element }) }),
      onRefused: (error) => listening.onRefused(error, pair.remote),
    },
    waiting,
  );

  async function greetAgain({ pair: before }: Greeting): Promise<Greeting> {
    const again = await greet();
    if (again.pair.local !== before.local || again.pair.remote !== before.remote)
      throw new Refusal(addresses('another pair of hosts than before'), 'invalid-from');
    return again;
  }

  function admitted(pair: HostPair, direct: boolean, secured: Secured | undefined): S2sPolicy {
    const policy = listening.policyFor(pair.remote);
    try {
      if (!policy) throw new Mom4cError('M4C_PARTNER_UNKNOWN', pair.remote);
      const { tls } = policy;
      if ((tls === 'direct' && !direct) || (tls === 'starttls' && direct))
        throw belowLevel(`another kind of TLS than ${tls}`);
      if (secured) checkTls(policy, pair.remote, secured);
      else if (tls !== 'opportunistic') throw belowLevel('no TLS');
    } catch (error) {
      throw new Refusal(error as Mom4cError, 'not-authorized');
    }
    return policy;
  }
}

const STARTTLS = `<starttls xmlns='${NS_TLS}'/>`;
const STARTTLS_REQUIRED = `<starttls xmlns='${NS_TLS}'><required/></starttls>`;

function offer({ authentication }: S2sPolicy, ...others: readonly string[]): string {
  switch (authentication) {
    case 'SAML20':
    case 'EXTERNAL':
      return features(
        ...others,
        `<mechanisms xmlns='${NS_SASL}'><mechanism>${authentication}</mechanism></mechanisms>`,
      );
    case 'dialback':
      return features(...others, DIALBACK_FEATURE);
    case 'none':
      return features(...others);
  }
}

function addresses(detail: string): Mom4cError {
  return new Mom4cError('M4C_PARTNER_ADDRESS', detail);
}
