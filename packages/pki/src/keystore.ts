/** The node's key, its certificate and its authority's, in a PKCS#12 file that only its owner may read. */
import type { KeyObject } from 'node:crypto';
import { constants, type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Certificate, Mom4cError } from '@mom4c/core';
import { type Authority, readAuthority, readCertificate } from './certificates.ts';
import { reading } from './der.ts';
import { checkKeyPair } from './key-pair.ts';
import { decodePkcs12, encodePkcs12, MAX_PKCS12_OCTETS, type Pkcs12 } from './pkcs12.ts';

export type Keystore = {
  /** Private, P-256 or RSA. */
  readonly key: KeyObject;
  readonly certificate: Certificate;
  readonly authority: Authority;
};

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

/**
 * Replaces the file as a whole, or leaves the old one; mode 0600. @param password made by a machine, if it can be
 * @throws Mom4cError M4C_KEYSTORE_UNREADABLE, M4C_KEYSTORE_PASSWORD, M4C_CERTIFICATE_INVALID
 */
export async function writeKeystore(path: string, keystore: Keystore, password: string): Promise<void> {
  checkPassword(password);
  checkKeyPair(keystore.key, keystore.certificate);
  const { key, certificate, authority } = keystore;
  await writeOwnFile(path, { key, certificate: certificate.der, authority: authority.der }, password);
}

/**
 * The key of an enrolment under way, so that a node which is started again goes on with it; as `writeKeystore`.
 * @throws Mom4cError M4C_KEYSTORE_UNREADABLE, M4C_KEYSTORE_PASSWORD
 */
export async function writeEnrolmentKey(
  path: string,
  { key, authority }: Pick<Keystore, 'key' | 'authority'>,
  password: string,
): Promise<void> {
  checkPassword(password);
  // The format wants a certificate beside the key, and there is none yet but the authority's.
  await writeOwnFile(path, { key, certificate: authority.der, authority: authority.der }, password);
}

/** @throws Mom4cError M4C_KEYSTORE_UNREADABLE, M4C_KEYSTORE_PASSWORD */
export async function readEnrolmentKey(path: string, password: string): Promise<KeyObject> {
  checkPassword(password);
  return (await decodeKeystore(await readOwnFile(path), password)).key;
}

async function writeOwnFile(path: string, content: Pkcs12, password: string): Promise<void> {
  const octets = await encodePkcs12(content, password);
  const temporary = `${path}.new`;
  try {
    await rm(temporary, { force: true });
    await using file = await open(temporary, 'wx', OWNER_ONLY);
    await file.writeFile(octets);
    await file.sync();
    await rename(temporary, path);
    // The new name survives a power cut only once its folder is on the disk.
    await using folder = await open(dirname(path), 'r');
    await folder.sync();
  } catch (cause) {
    throw new Mom4cError('M4C_KEYSTORE_UNREADABLE', `${path} cannot be written`, { cause });
  }
}

/** @throws Mom4cError M4C_KEYSTORE_UNREADABLE, M4C_KEYSTORE_PASSWORD, M4C_CERTIFICATE_INVALID */
export async function readKeystore(path: string, password: string): Promise<Keystore> {
  checkPassword(password);
  const octets = await readOwnFile(path);
  const parts = await decodeKeystore(octets, password);
  const certificate = readCertificate(parts.certificate);
  checkKeyPair(parts.key, certificate);
  return Object.freeze({ key: parts.key, certificate, authority: readAuthority(parts.authority) });
}

async function decodeKeystore(octets: Uint8Array, password: string): Promise<Pkcs12> {
  try {
    return await decodePkcs12(octets, password);
  } catch (error) {
    return reading('M4C_KEYSTORE_UNREADABLE', () => {
      throw error;
    });
  }
}

async function readOwnFile(path: string): Promise<Buffer> {
  await using file = await openFile(path);
  const { mode, size } = await file.stat();
  if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw unreadable(`${path} is not a file`);
  if (mode & OTHERS) throw unreadable(`others may use it: chmod 600 ${path}`);
  if (size > MAX_PKCS12_OCTETS) throw unreadable(`${path} has more than ${MAX_PKCS12_OCTETS} octets`);
  const octets = Buffer.alloc(size);
  const { bytesRead } = await file.read(octets, 0, size, 0);
  return octets.subarray(0, bytesRead);
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw unreadable(`${path} cannot be opened`, cause);
  }
}

function checkPassword(password: string): void {
  if (password.length === 0) throw new Mom4cError('M4C_KEYSTORE_PASSWORD', 'it is empty');
}

function unreadable(detail: string, cause?: unknown): Mom4cError {
  return new Mom4cError('M4C_KEYSTORE_UNREADABLE', detail, { cause });
}
