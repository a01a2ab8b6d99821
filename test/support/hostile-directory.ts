/**
 * A directory server (RFC 4511) in the hands of an attacker: its certificate is right, its answers are whatever a test
 * says. Answers nothing by itself but the bind.
 */
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { systemRandom } from '@mom4c/core';
import type { Authority } from '@mom4c/pki';
import { issueCertificate, toPem } from '@mom4c/pki';
import type { KeyObject } from 'node:crypto';

export type HostileDirectory = {
  /** `ldaps://127.0.0.1:…` */
  readonly url: string;
  /** What a search gets from now on: octets for its message id, as they are. Also counts. */
  answer(octets: (id: number, socket: TLSSocket) => Uint8Array): void;
  readonly searches: number;
  close(): Promise<void>;
};

const BIND_REQUEST = 0x60;
const SEARCH_REQUEST = 0x63;
const MINUTE = 60_000;

export async function openHostileDirectory(
  authority: Authority,
  authorityKey: KeyObject,
): Promise<HostileDirectory> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = await issueCertificate({
    name: 'ldap',
    role: 'server',
    domain: 'alpha.test',
    addresses: [],
    ips: ['127.0.0.1'],
    notBefore: Date.now() - MINUTE,
    notAfter: Date.now() + 60 * MINUTE,
    authority,
    authorityKey,
    publicKey,
    random: systemRandom,
  });
  let reply = (_id: number, _socket: TLSSocket): Uint8Array => Buffer.alloc(0);
  let searches = 0;
  const sockets = new Set<TLSSocket>();
  const server = createServer(
    {
      ca: authority.pem,
      cert: toPem('CERTIFICATE', certificate),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      requestCert: true,
    },
    (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket)).on('error', () => {});
      // Requests are small and come whole.
      socket.on('data', (request: Buffer) => {
        const { id, operation } = head(request);
        if (operation === BIND_REQUEST) socket.write(message(id, bindResponse()));
        if (operation !== SEARCH_REQUEST) return;
        searches += 1;
        socket.write(reply(id, socket));
      });
    },
  );
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `ldaps://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: (next) => void (reply = next),
    get searches() {
      return searches;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** BER with a definite length. */
export function ber(tag: number, ...content: readonly (Uint8Array | string)[]): Buffer {
  const body = Buffer.concat(content.map((each) => Buffer.from(each as Uint8Array)));
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([Buffer.from([tag, 0x84]), length, body]);
}

const octetString = (text: string): Buffer => ber(0x04, text);
const integer = (value: number, tag = 0x02): Buffer => {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return ber(tag, octets.subarray(Math.min(octets.findIndex((octet) => octet > 0) & 3, 3)));
};

export const message = (id: number, operation: Uint8Array): Buffer => ber(0x30, integer(id), operation);
const result = (tag: number, code: number): Buffer =>
  ber(tag, integer(code, 0x0a), octetString(''), octetString(''));
const bindResponse = (): Buffer => result(0x61, 0);
/** SearchResultDone with a result code; 10 is a referral. */
export const done = (code = 0): Buffer => result(0x65, code);
/** SearchResultReference. */
export const reference = (uri: string): Buffer => ber(0x73, octetString(uri));
/** SearchResultEntry with the certificates of one entry. */
export const entry = (name: string, certificates: readonly Uint8Array[]): Buffer =>
  ber(
    0x64,
    octetString(`cn=${name},ou=devices,dc=alpha,dc=test`),
    ber(
      0x30,
      ber(
        0x30,
        octetString('userCertificate;binary'),
        ber(0x31, ...certificates.map((certificate) => ber(0x04, certificate))),
      ),
    ),
  );

/** Message id and tag of the operation of a request. */
function head(request: Buffer): { id: number; operation: number } {
  const long = request[1]! & 0x80 ? request[1]! & 0x7f : 0;
  const at = 2 + long;
  const length = request[at + 1]!;
  return { id: request.readUIntBE(at + 2, length), operation: request[at + 2 + length]! };
}
