/** An authority for one node's own bus: it lives as long as the process that made it, and so does what it issued. */
import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { isNodeName, Mom4cError, type Random } from '@mom4c/core';
import { dnsName, ipName } from './certificate-extensions.ts';
import { nameOf } from './certificate-names.ts';
import { keyIdOf, writeCertificate } from './certificate-writer.ts';
import { toPem } from './certificates.ts';
import { type Der, encode } from './der.ts';

/** PEM texts. The key is not encrypted: hand it over in memory or in a file of mode 0600 on a memory file system. */
export type PemIdentity = { readonly certificate: string; readonly key: string };

export type BusAuthority = {
  /** PEM, for the server's and the clients' list of authorities. */
  readonly certificate: string;
  /** For the server on 127.0.0.1 and localhost. */
  server(): Promise<PemIdentity>;
  /**
   * For an agent. Its SAN is a DNS name equal to the agent's name, which nats-server's `verify_and_map` makes the
   * user's name. @throws Mom4cError M4C_CERTIFICATE_INVALID if it is not a node name
   */
  client(name: string): Promise<PemIdentity>;
};

const generate = promisify(generateKeyPair);

/**
 * All of it dies with the process, and a node without a battery-backed clock may start in 1970 and jump to today:
 * so these certificates do not expire (RFC 5280 §4.1.2.5).
 */
const NOT_BEFORE = 0;
const NOT_AFTER = Date.UTC(9999, 11, 31, 23, 59, 59);

/** P-256; its key never leaves memory. */
export async function createBusAuthority(random: Random): Promise<BusAuthority> {
  const keys = await newKeys();
  const issuer = encode(nameOf({ CN: 'bus-ca', OU: 'bus', O: 'localhost' }));
  const common = { issuer, signingKey: keys.privateKey, notBefore: NOT_BEFORE, notAfter: NOT_AFTER, random };
  const der = await writeCertificate({
    ...common,
    subject: issuer,
    publicKey: keys.publicKey,
    authorityKeyId: undefined,
    ca: true,
    usage: ['keyCertSign'],
    extendedUsage: [],
    altNames: [],
  });
  const authorityKeyId = keyIdOf(keys.publicKey);
  const issue = async (
    name: string,
    use: 'serverAuth' | 'clientAuth',
    altNames: Der[],
  ): Promise<PemIdentity> => {
    const { publicKey, privateKey } = await newKeys();
    const certificate = await writeCertificate({
      ...common,
      subject: encode(nameOf({ CN: name, OU: 'bus', O: 'localhost' })),
      publicKey,
      authorityKeyId,
      ca: false,
      usage: ['digitalSignature'],
      extendedUsage: [use],
      altNames,
    });
    const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    return { certificate: toPem('CERTIFICATE', certificate), key };
  };
  return {
    certificate: toPem('CERTIFICATE', der),
    server: () => issue('bus', 'serverAuth', [ipName('127.0.0.1'), dnsName('localhost')]),
    async client(name) {
      if (!isNodeName(name)) throw new Mom4cError('M4C_CERTIFICATE_INVALID', 'not the name of an agent');
      return await issue(name, 'clientAuth', [dnsName(name)]);
    },
  };
}

function newKeys(): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  return generate('ec', { namedCurve: 'P-256' });
}
