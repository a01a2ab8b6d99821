/**
 * Opens a stream to another server and authenticates on it.
 *
 * INVARIANTS
 * - The policy alone says what is done. A peer that does not offer it is left (M4C_PARTNER_LEVEL); nothing falls back.
 * - Nothing but a stream header and `<starttls/>` is sent before the policy's TLS stands and the certificate is verified.
 * - Every wait has a time limit, and all of them end with the signal.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { Mom4cError, type Clock, type Log, type Random } from '@mom4c/core';
import type { DialbackKeys } from './dialback.ts';
import { textOf, xml, type Element } from './element.ts';
import { NS_DIALBACK, NS_MANAGEMENT, NS_SASL, NS_SERVER, NS_STREAM, NS_TLS } from './namespaces.ts';
import type { HostPair, S2sAddress, S2sCredentials, S2sPolicy, S2sStream } from './s2s.ts';
import { s2sTargets, type S2sTarget } from './s2s-targets.ts';
import { createPhases, VERDICT_MS, type Phases } from './s2s-phases.ts';
import { createS2sStream, peerOf, s2sFault, streamHeader } from './s2s-stream.ts';
import { checkTls, s2sContext, s2sSocketFault, secureOut, type Secured } from './s2s-tls.ts';
import { readSamlChallenge, SAML_ANSWER, writeSamlInitial, type SamlUser } from './saml20.ts';
import { readSaslText, writeSaslText } from './sasl-text.ts';
import { MANAGEMENT_ENABLE } from './stream-management.ts';
import { createXmlLink, type XmlLink } from './xml-link.ts';

export type S2sConnection = {
  readonly pair: HostPair;
  readonly address: S2sAddress;
  readonly policy: S2sPolicy;
  readonly credentials: S2sCredentials;
  /** Needed where the policy says SAML20. */
  readonly saml?: SamlUser | undefined;
  /** Needed where it says dialback; used where it says none and the peer wishes it. The listener has the same. */
  readonly dialback?: DialbackKeys | undefined;
  /** Steps of the log-in are told to it at debug level: `step`, `partner`, `stream`. */
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
};

/** A stream with TLS as the policy says, and the features that the peer offers on it. */
export type OpenedStream = {
  readonly link: XmlLink;
  readonly phases: Phases;
  readonly id: string;
  readonly features: Element;
  readonly peer: S2sStream['peer'];
};

type Opening = Omit<S2sConnection, 'saml' | 'dialback'>;

/** Resolves when stanzas may be sent; every phase has a time limit.
 *  @throws Mom4cError M4C_PARTNER_STREAM (not reached, ended, no answer in time), M4C_PARTNER_LEVEL, M4C_PARTNER_CERTIFICATE,
 *  M4C_PARTNER_LOGIN, M4C_STOPPED (aborted), M4C_CERTIFICATE_INVALID (the own one), what `SamlUser.logIn` throws */
export async function connectS2s(connection: S2sConnection): Promise<S2sStream> {
  return withStream(connection, (opened) => authenticate(connection, opened));
}

/** Opens a stream at the first address that answers, and does what is to be done there; if that fails it is closed. */
export async function withStream<Value>(
  opening: Opening,
  work: (opened: OpenedStream) => Promise<Value>,
): Promise<Value> {
  const { signal } = opening;
  let failure = new Mom4cError('M4C_PARTNER_STREAM', 'no address');
  for (const target of await s2sTargets(opening)) {
    if (signal.aborted) break;
    const link = createXmlLink(connectTcp({ host: target.host, port: target.port }), {
      log: opening.log,
      clock: opening.clock,
      code: 'M4C_PARTNER_STREAM',
      socketFault: s2sSocketFault,
      streamFault: s2sFault,
    });
    const stop = (): void => link.destroy(new Mom4cError('M4C_STOPPED'));
    signal.addEventListener('abort', stop, { once: true });
    let reached = false;
    try {
      const opened = await open(opening, target, link, () => (reached = true));
      return await work(opened);
    } catch (thrown) {
      const error =
        thrown instanceof Mom4cError ? thrown : new Mom4cError('M4C_INTERNAL', undefined, { cause: thrown });
      await link.close(error);
      failure = error;
      // Another address may answer; it will not be more lenient, and should not be asked to be.
      if (reached || error.code !== 'M4C_PARTNER_STREAM') break;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
  throw signal.aborted ? new Mom4cError('M4C_STOPPED') : failure;
}

/** @param onReached a server of XMPP has answered */
async function open(
  opening: Opening,
  target: S2sTarget,
  link: XmlLink,
  onReached: () => void,
): Promise<OpenedStream> {
  const { pair, policy, credentials, clock, log } = opening;
  const phases = createPhases(link, clock);
  const context = s2sContext(credentials, policy.minVersion);
  const address = `${target.host}:${target.port}`;
  let secured: Secured | undefined;

  async function secure(): Promise<void> {
    const wrap = async (raw: Socket): Promise<Socket> =>
      (secured = await secureOut(raw, context, pair.remote, target.direct)).socket;
    await phases.wait('TLS', link.upgrade('nothing', wrap));
    checkTls(policy, pair.remote, secured!);
  }

  await phases.wait('connection', link.connected());
  if (target.direct) await secure();
  let header = await begin();
  let features = await featuresOf();
  if (!secured) {
    if (features.getChild('starttls', NS_TLS)) {
      await link.write(`<starttls xmlns='${NS_TLS}'/>`);
      const answer = await phases.wait('answer to STARTTLS', link.next());
      if (!answer.is('proceed', NS_TLS)) throw level('the peer does not proceed with TLS');
      if (link.pipelined) throw stream('something in clear behind STARTTLS');
      await secure();
      header = await begin();
      features = await featuresOf();
    } else if (policy.tls !== 'opportunistic') throw level('the peer offers no TLS');
  }
  const peer = peerOf(secured, address);
  return { link, phases, id: header.attrs.id ?? '', features, peer };

  async function begin(): Promise<Element> {
    if (secured || policy.tls === 'opportunistic') step(log, pair, undefined, 1);
    await link.write(streamHeader({ from: pair.local, to: pair.remote }));
    const root = await phases.wait('stream header', link.next());
    onReached();
    checkHeader(root, pair);
    if (secured || policy.tls === 'opportunistic') step(log, pair, root.attrs.id, 2);
    return root;
  }

  async function featuresOf(): Promise<Element> {
    const element = await phases.wait('stream features', link.next());
    if (!element.is('features', NS_STREAM)) throw stream('no stream features');
    return element;
  }
}

/** RFC 6120 §4.7. @throws Mom4cError M4C_PARTNER_STREAM */
function checkHeader(root: Element, pair: HostPair): void {
  const { from, version, xmlns, id } = root.attrs;
  if (!root.is('stream', NS_STREAM) || xmlns !== NS_SERVER) throw stream('no server of XMPP');
  if (!/^1\.\d{1,4}$/.test(version ?? '')) throw stream('another version of XMPP');
  if (from !== undefined && from !== pair.remote) throw stream('the stream is of another host');
  if (id !== undefined && id.length > 256) throw stream('the id of the stream is too long');
}

async function authenticate(connection: S2sConnection, opened: OpenedStream): Promise<S2sStream> {
  const { pair, policy, log } = connection;
  step(log, pair, opened.id, 3);
  switch (policy.authentication) {
    case 'SAML20':
      await logInBySaml(connection, opened);
      return restarted(connection, opened);
    case 'EXTERNAL':
      await logInByCertificate(connection, opened);
      return restarted(connection, opened);
    case 'dialback':
      await callBack(connection, opened);
      return negotiated(connection, opened);
    case 'none':
      if (connection.dialback && opened.features.getChild('dialback', NS_DIALBACK_FEATURE))
        await callBack(connection, opened);
      return negotiated(connection, opened);
  }
}

const NS_DIALBACK_FEATURE = 'urn:xmpp:features:dialback';

async function select(opened: OpenedStream, mechanism: string, initial: string): Promise<void> {
  const { link, features } = opened;
  const offered = features
    .getChild('mechanisms', NS_SASL)
    ?.getChildren('mechanism', NS_SASL)
    .some((each) => textOf(each).trim() === mechanism);
  if (!offered) throw level(`the peer does not offer ${mechanism}`);
  await link.send(xml('auth', { xmlns: NS_SASL, mechanism }, writeSaslText(initial)));
}

/** Steps 4 to 12. */
async function logInBySaml(connection: S2sConnection, opened: OpenedStream): Promise<void> {
  const { pair, saml, log, signal } = connection;
  const { link, phases, id } = opened;
  if (!saml) throw new Mom4cError('M4C_CONFIG', 'SAML20 without an authentication agent');
  await select(opened, 'SAML20', writeSamlInitial({ authzid: pair.local, idp: saml.idp }));
  step(log, pair, id, 4);
  const challenge = await phases.wait('challenge', link.next());
  if (!challenge.is('challenge', NS_SASL)) throw refusal(challenge);
  const url = readSamlChallenge(readSaslText(textOf(challenge)));
  step(log, pair, id, 5);
  await link.send(xml('response', { xmlns: NS_SASL }, writeSaslText(SAML_ANSWER)));
  step(log, pair, id, 6);
  const ours = new AbortController();
  const stop = (): void => ours.abort();
  signal.addEventListener('abort', stop, { once: true });
  void link.closed.then(stop);
  try {
    const outcome = link.next();
    outcome.catch(() => {});
    const loggedIn = saml.logIn({ url, pair, stream: id, signal: ours.signal });
    // The verdict of the peer ends it, whatever the agent still does; the agent alone can only make it fail.
    const failed = new Promise<never>((_resolve, reject) => void loggedIn.catch(reject));
    const answer = await phases.wait('verdict', Promise.race([outcome, failed]), VERDICT_MS);
    if (!answer.is('success', NS_SASL)) throw refusal(answer);
    step(log, pair, id, 12);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** XEP-0178 §3. */
async function logInByCertificate(connection: S2sConnection, opened: OpenedStream): Promise<void> {
  const { link, phases } = opened;
  await select(opened, 'EXTERNAL', connection.pair.local);
  const answer = await phases.wait('answer to EXTERNAL', link.next());
  if (!answer.is('success', NS_SASL)) throw refusal(answer);
}

/** XEP-0220 §2.2. */
async function callBack(connection: S2sConnection, opened: OpenedStream): Promise<void> {
  const { pair, dialback } = connection;
  const { link, phases, id } = opened;
  if (!dialback) throw new Mom4cError('M4C_CONFIG', 'dialback without keys');
  const key = dialback.make({ receiving: pair.remote, originating: pair.local, stream: id });
  await link.send(xml('db:result', { from: pair.local, to: pair.remote }, key));
  const answer = await phases.wait('answer to dialback', link.next(), VERDICT_MS);
  const { from, to, type } = answer.attrs;
  if (!answer.is('result', NS_DIALBACK) || from !== pair.remote || to !== pair.local || type !== 'valid')
    throw new Mom4cError('M4C_PARTNER_LOGIN', 'the peer could not verify us by dialback');
}

/** Step 13: a new stream, on which stanzas may flow. */
async function restarted(connection: S2sConnection, opened: OpenedStream): Promise<S2sStream> {
  const { pair } = connection;
  const { link, phases } = opened;
  if (link.pipelined) throw stream('a stream before it was our turn');
  link.restart();
  await link.write(streamHeader({ from: pair.local, to: pair.remote }));
  const root = await phases.wait('stream header', link.next());
  checkHeader(root, pair);
  const features = await phases.wait('stream features', link.next());
  if (!features.is('features', NS_STREAM)) throw stream('no stream features');
  step(connection.log, pair, opened.id, 13);
  return negotiated(connection, { ...opened, id: root.attrs.id ?? opened.id, features });
}

async function negotiated(connection: S2sConnection, opened: OpenedStream): Promise<S2sStream> {
  const { pair, clock, log } = connection;
  const { link, features, id, peer } = opened;
  // Not waited for: the peer may not read before it has found the stream its place.
  const managed = features.getChild('sm', NS_MANAGEMENT) !== undefined;
  if (managed) await link.write(MANAGEMENT_ENABLE);
  const onRefused = (error: Mom4cError): void =>
    log.debug({ code: error.code, detail: error.detail }, 'refused of a partner');
  return createS2sStream({ link, id, pair, direction: 'out', peer, clock, managed, onRefused });
}

function step(log: Log, pair: HostPair, stream: string | undefined, number: number): void {
  log.debug({ step: number, partner: pair.remote, direction: 'out', stream }, `step ${number} of the log-in`);
}

/** @param answer `<failure/>`, or what stands in its place. */
function refusal(answer: Element): Mom4cError {
  const condition = answer.is('failure', NS_SASL)
    ? answer
        .getChildElements()
        .find((child) => child.getName() !== 'text')
        ?.getName()
    : undefined;
  if (condition === undefined) return stream('no answer that SASL knows');
  return new Mom4cError('M4C_PARTNER_LOGIN', /^[a-z-]{1,64}$/.test(condition) ? condition : 'refused');
}

function level(detail: string): Mom4cError {
  return new Mom4cError('M4C_PARTNER_LEVEL', detail);
}

function stream(detail: string): Mom4cError {
  return new Mom4cError('M4C_PARTNER_STREAM', detail);
}
