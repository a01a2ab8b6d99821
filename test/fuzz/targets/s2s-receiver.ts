/** What a stranger says to the port for other servers, from the first octet to the stanzas; in clear, since TLS is OpenSSL's. */
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { Mom4cError, silentLog, type Clock } from '@mom4c/core';
import type { HostPair, S2sPolicy, S2sStream, SamlVerdicts } from '@mom4c/xmpp';
import { MAX_EARLY } from '../../../packages/xmpp/src/early-reader.ts';
import { receiveS2s } from '../../../packages/xmpp/src/s2s-receiver.ts';
import { s2sFault } from '../../../packages/xmpp/src/s2s-stream.ts';
import { createXmlLink } from '../../../packages/xmpp/src/xml-link.ts';
import { Finding, type Target, type Verdict } from '../target.ts';

const ALPHA = 'alpha.test';
const BETA = 'beta.test';
/** Between what is said at one turn and at the next. */
const TURN = '\f';
const NS_SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' " +
  `xmlns:db='jabber:server:dialback' from='${BETA}' to='${ALPHA}' version='1.0'>`;
const STANZAS =
  `<message from='ann@${BETA}/x' to='bob@${ALPHA}' xml:lang='de'><body>漢 &amp; é</body><p:x xmlns:p='urn:p' p:y='1'/></message>` +
  `<iq type='get' id='1' from='${BETA}' to='${ALPHA}'><db:x xmlns='urn:x'/></iq><presence xmlns='jabber:server'/>`;
const MANAGEMENT =
  "<enable xmlns='urn:xmpp:sm:3'/><r xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='1'/>";
const auth = (message: string): string =>
  `<auth ${NS_SASL} mechanism='SAML20'>${Buffer.from(message).toString('base64')}</auth>`;
const CLOCK: Clock = { now: () => 0, monotonic: () => 0, after: () => () => {} };

const saml = (initial: string, response: string): string =>
  [
    HEADER,
    auth(initial),
    `<response ${NS_SASL}>${response}</response>`,
    `${HEADER}${MANAGEMENT}${STANZAS}</stream:stream>`,
  ].join(TURN);

export const s2sSaml: Target = {
  name: 's2s-saml',
  grammar: 'xml',
  weight: 4,
  seeds: [
    saml(`n,a=${BETA},https://idp.test/metadata`, 'PQ=='),
    saml('n,,https://idp.test/metadata', ''),
    saml(`n,a=${BETA},`, '='),
  ].map((text) => Buffer.from(text)),
  run: (input) => receive(input, 'SAML20'),
};

export const s2sDialback: Target = {
  name: 's2s-dialback',
  grammar: 'xml',
  weight: 4,
  seeds: [
    [HEADER, `${STANZAS}</stream:stream>`],
    [HEADER, `<db:result from='${BETA}' to='${ALPHA}'>key</db:result>`, `${STANZAS}</stream:stream>`],
    [HEADER, `<db:verify from='${BETA}' to='${ALPHA}' id='1'>key</db:verify>`, `${STANZAS}</stream:stream>`],
  ].map((turns) => Buffer.from(turns.join(TURN))),
  run: (input) => receive(input, 'none'),
};

async function receive(input: Uint8Array, authentication: S2sPolicy['authentication']): Promise<Verdict> {
  const policy: S2sPolicy = {
    tls: 'opportunistic',
    minVersion: 'TLSv1.2',
    verify: undefined,
    authentication,
  };
  const socket = new TurnSocket(input);
  const asked: Parameters<SamlVerdicts['begin']>[0][] = [];
  const link = createXmlLink(socket as unknown as Socket, {
    log: silentLog,
    clock: CLOCK,
    code: 'M4C_PARTNER_STREAM',
    socketFault: (error) => {
      throw new Finding(`the socket failed: ${error.message}`);
    },
    streamFault: s2sFault,
  });
  let verified: HostPair | undefined;
  const arrival = {
    link,
    address: '192.0.2.1:1',
    // No TLS is spoken: its first octet is a fault of XML here.
    context: undefined as never,
    listening: {
      host: '',
      port: 0,
      credentials: { cert: '', key: '' },
      hosts: [ALPHA],
      policyFor: (remote: string) => (remote === BETA ? policy : undefined),
      saml: {
        begin: async (ask: Parameters<SamlVerdicts['begin']>[0]) => {
          asked.push(ask);
          return { url: 'https://agent.alpha.test/', verdict: Promise.resolve() };
        },
      },
      dialback: { keys: { make: () => 'key', confirms: () => true }, addressOf: () => 'srv' as const },
      log: silentLog,
      clock: CLOCK,
      random: { bytes: (count: number) => new Uint8Array(count) },
      onStream() {},
      onRefused() {},
    },
    onClaim() {},
    onAdmitted(pair: HostPair) {
      verified = pair;
      return true;
    },
  };
  let stream: S2sStream | undefined;
  try {
    stream = await receiveS2s(arrival);
  } catch (error) {
    if (!(error instanceof Mom4cError) || error.code === 'M4C_INTERNAL') throw error;
  }
  if (stream) {
    if (verified?.local !== ALPHA || verified.remote !== BETA) throw new Finding('a stream of another pair');
    if (authentication === 'SAML20' && (asked.length !== 1 || asked[0]!.authzid !== BETA))
      throw new Finding('a stream without a verdict on its domain');
    stream.consume(() => {});
  }
  const { error } = await link.closed;
  if (error.code === 'M4C_INTERNAL') throw error;
  if (!stream && socket.said > MAX_EARLY) throw new Finding('it says more than it was told');
  return stream ? 'accepted' : 'refused';
}

/** Says a turn when it is listened to, and counts what it is told. */
class TurnSocket extends Duplex {
  readonly #turns: Buffer[];
  readonly connecting = false;
  said = 0;

  constructor(input: Uint8Array) {
    super({ readableHighWaterMark: 1 });
    const text = Buffer.from(input);
    this.#turns = [];
    for (let at = 0; at <= text.length; ) {
      const next = text.indexOf(TURN, at);
      const end = next < 0 ? text.length : next;
      if (end > at) this.#turns.push(text.subarray(at, end));
      at = end + 1;
    }
    if (this.#turns[0]?.[0] === 0x16) this.#turns[0] = this.#turns[0].subarray(1);
  }

  override _read(): void {
    // Not before it has been answered, as far as it is.
    setImmediate(() => this.push(this.#turns.shift() ?? null));
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.said += chunk.length;
    done();
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}
}
