/**
 * A client that keeps to no rule: it opens any keystore of a lab, signs, seals and sends what it is told to. The honest
 * twin of an attack goes through the same functions, so that only the attack itself makes the difference.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { Mom4cError, systemClock, systemRandom, uuidv7 } from '@mom4c/core';
import type { Certificate, ErrorCode, Log, SessionKey } from '@mom4c/core';
import type { LabDomain } from '@mom4c/lab';
import { NS_ENCRYPTED } from '@mom4c/member';
import { createOpener, createSealer, createSigner, createVerifier, readKeystore, toPem } from '@mom4c/pki';
import type { Identity, Keystore } from '@mom4c/pki';
import { connect, textOf, xml } from '@mom4c/xmpp';
import type { Element, XmppSession } from '@mom4c/xmpp';

/** What a receiver of IQ requests said: an error's code, or its letter (a result without one: neither). */
export type Answer = { readonly code?: ErrorCode; readonly letter?: Element };

export type HostileClient = {
  readonly jid: string;
  readonly session: XmppSession;
  /** IQ set with this one child. */
  ask(to: string, child: Element): Promise<Answer>;
  message(to: string, ...children: readonly Element[]): Promise<void>;
  say(room: string, ...children: readonly Element[]): Promise<void>;
  /** The JSON inside a letter for us, or under a key that we hold, signed by one of `known`. */
  open(letter: Element, known: readonly Certificate[], keys?: readonly SessionKey[]): Promise<Json>;
  stop(): Promise<void>;
};

/** Of an XMPP server. */
export type Endpoint = { readonly host: string; readonly port: number; readonly domain: string };

export type Json = Record<string, unknown>;

/** @param folder of a node, the administrator or the authority: `nodes/te1`, `admin`, `certificate-authority` */
export function stealIdentity(labFolder: string, domain: string, folder: string): Promise<Keystore> {
  const own = join(labFolder, domain, folder);
  return readKeystore(join(own, 'keystore.p12'), readFileSync(join(own, 'password'), 'utf8').trim());
}

/** Logs in. @param jid any full address; the server knows whether the certificate names it @throws Mom4cError */
export async function openClient(domain: LabDomain, own: Keystore, jid: string): Promise<HostileClient> {
  const session = connect({ ...endpointOf(domain), jid, tls: pemOf(own), log: silent });
  const opener = createOpener(own);
  await session.start();
  return {
    jid,
    session,
    async ask(to, child) {
      try {
        const letter = (await session.request(to, 'set', child)).getChild('x', NS_ENCRYPTED);
        return letter ? { letter } : {};
      } catch (error) {
        if (error instanceof Mom4cError) return { code: error.code };
        throw error;
      }
    },
    message: (to, ...children) => session.send(xml('message', { to, type: 'normal' }, ...children)),
    say: (room, ...children) => session.send(xml('message', { to: room, type: 'groupchat' }, ...children)),
    async open(letter, known, keys = []) {
      const sealed = Buffer.from(textOf(letter), 'base64');
      const signed = await opener.open(sealed, (id) => keys.find((key) => key.id === id));
      const byIssuerAndSerial = async (issuer: string, serial: string): Promise<Certificate | undefined> =>
        known.find((one) => one.issuer === issuer && one.serial === serial);
      const parts = { directory: { byIssuerAndSerial }, authority: own.authority, clock: systemClock };
      const { content } = await createVerifier(parts).verify(signed);
      return JSON.parse(Buffer.from(content).toString()) as Json;
    },
    stop: () => session.stop(),
  };
}

/** CMS SignedData around anything. */
export function sign(as: Identity, content: Json | string | Uint8Array): Promise<Uint8Array> {
  return createSigner(as).signEnclosed(octetsOf(content));
}

export async function sealTo(content: Uint8Array | string, ...to: readonly Identity[]): Promise<Element> {
  const recipients = to.map(({ certificate }) => certificate);
  return sealed(await createSealer(systemRandom).sealTo(octetsOf(content), recipients));
}

export async function sealUnder(content: Uint8Array | string, key: SessionKey): Promise<Element> {
  return sealed(await createSealer(systemRandom).sealUnder(octetsOf(content), key));
}

/** The element in which sealed letters travel, around octets that may be none, or around any text. */
export function sealed(content: Uint8Array | string): Element {
  const text = typeof content === 'string' ? content : Buffer.from(content).toString('base64');
  return xml('x', { xmlns: NS_ENCRYPTED }, text);
}

/** The two elements of a letter that is signed in the clear. */
export async function signedInTheClear(as: Identity, content: Json): Promise<[Element, Element]> {
  const octets = octetsOf(content);
  const signature = await createSigner(as).signDetached(octets);
  const base64 = (of: Uint8Array): string => Buffer.from(of).toString('base64');
  return [
    xml('payload', { xmlns: 'urn:mom4c:payload:1' }, base64(octets)),
    xml('x', { xmlns: 'jabber:x:signed' }, base64(signature)),
  ];
}

/** What writes itself into a stream: no library looks at it. */
export type RawStream = {
  readonly socket: TLSSocket;
  /** Of what the server has said; forgotten when something that was waited for has come. */
  readonly heard: string;
  /** @throws Error if the server closes the connection before */
  until(pattern: RegExp): Promise<void>;
  readonly closed: Promise<void>;
};

/** Logs in by hand, sends this text, whatever it is, and waits for the server to end the stream.
 *  @returns what the server said after the log-in */
export async function sendRaw(domain: LabDomain, own: Keystore, bare: string, text: string): Promise<string> {
  const stream = await openRaw(endpointOf(domain), own, bare);
  stream.socket.write(text);
  await stream.closed;
  return stream.heard;
}

/** Logs in by hand, under whatever resource the server gives. */
export async function openRaw(to: Endpoint, own: Keystore, bare: string): Promise<RawStream> {
  const { ca, cert, key } = pemOf(own);
  const { host, port, domain } = to;
  const socket = connectTls({ host, port, servername: domain, ca, cert, key });
  let heard = '';
  let wake = (): void => {};
  socket.setEncoding('utf8').on('data', (octets: string) => {
    heard += octets;
    wake();
  });
  // A server that has said why it ends the stream may reset the connection under what we are still sending.
  const closed = new Promise<void>((resolve) => socket.on('error', () => {}).once('close', () => resolve()));
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(heard)) {
      if (socket.destroyed) throw new Error(`the server closed the connection: ${heard.slice(-500)}`);
      await Promise.race([closed, new Promise<void>((resolve) => (wake = resolve))]);
    }
    heard = '';
  };
  const header = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}' version='1.0'>`;
  const authzid = Buffer.from(bare).toString('base64');
  socket.write(header);
  await until(/<\/stream:features>/);
  socket.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>${authzid}</auth>`);
  await until(/<success/);
  socket.write(header);
  await until(/<\/stream:features>/);
  socket.write("<iq type='set' id='bound'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
  await until(/<iq [^>]*id=['"]bound/);
  return {
    ...{ socket, until, closed },
    get heard() {
      return heard;
    },
  };
}

export const newId = (): string => uuidv7(systemClock, systemRandom);

export function endpointOf(domain: LabDomain): Endpoint {
  const { host, port } = domain.describe().xmpp;
  return { host, port, domain: domain.name };
}

export function pemOf({ key, certificate, authority }: Keystore): { ca: string; cert: string; key: string } {
  return {
    ca: authority.pem,
    cert: toPem('CERTIFICATE', certificate.der),
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function octetsOf(content: Json | string | Uint8Array): Uint8Array {
  if (content instanceof Uint8Array) return content;
  return Buffer.from(typeof content === 'string' ? content : JSON.stringify(content));
}

export const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };
