/**
 * PKCS#12 (RFC 7292) as we write it: both certificates in the clear, the key under PBES2 (RFC 8018) with AES-256-CBC
 * and PBKDF2-HMAC-SHA256, all of it under an HMAC-SHA256. forge gives DER and the key derivation of the MAC.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  type KeyObject,
  pbkdf2,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { promisify } from 'node:util';
import { Mom4cError } from '@mom4c/core';
import { readPlainAlgorithm } from './cms-structure.ts';
import {
  decode,
  type Der,
  encode,
  expectOid,
  malformed,
  nullValue,
  octetString,
  oid,
  readOctetString,
  readSequence,
  readSmallInteger,
  readTagged,
  sequence,
  setOf,
  smallInteger,
  tagged,
} from './der.ts';
import { forgeSha256 } from './forge-sha256.ts';

/** What a file holds. Certificates are DER. */
export type Pkcs12 = {
  readonly key: KeyObject;
  readonly certificate: Uint8Array;
  readonly authority: Uint8Array;
};

export const MAX_PKCS12_OCTETS = 65_536;

/** How often the password is stretched for the key, and for the MAC. */
type Iterations = { readonly encryption: number; readonly mac: number };

/**
 * Somebody who has the file tries passwords at the cheaper of two doors: one PBKDF2 (two compressions of SHA-256 an
 * iteration) or the MAC (one). The loop of the MAC's derivation exists only in JavaScript: 50,000 iterations take 0.15 s
 * on a PC and seconds on a small device, at every start; more at the other door would bring nothing.
 */
const FOR_PEOPLE: Iterations = { encryption: 100_000, mac: 50_000 };
/** There is no list to try a random password from. */
const FOR_MACHINES: Iterations = { encryption: 1000, mac: 1000 };
/** As of 32 random octets in base64. */
const LONG = /^[\w+/=-]{43,}$/;
const VARIED = 16;
/** What a hostile file may make us compute. */
const MAX_ITERATIONS = 250_000;
const SALT_OCTETS = 16;

const OID = {
  data: '1.2.840.113549.1.7.1',
  keyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  localKeyId: '1.2.840.113549.1.9.21',
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  hmacSha256: '1.2.840.113549.2.9',
  aes256Cbc: '2.16.840.1.101.3.4.1.42',
  sha256: '2.16.840.1.101.3.4.2.1',
} as const;

const derive = promisify(pbkdf2);

/** @param iterations of the two derivations from the password; fewer for one that nobody could have thought of */
export async function encodePkcs12(
  { key, certificate, authority }: Pkcs12,
  password: string,
  iterations = iterationsFor(password),
): Promise<Buffer> {
  // Tells other readers which of the certificates is that of the key.
  const localKeyId = setOf(sequence(oid(OID.localKeyId), setOf(octetString(Buffer.from([1])))));
  const bags = sequence(
    sequence(oid(OID.certificateBag), tagged(0, certificateBag(certificate)), localKeyId),
    sequence(oid(OID.certificateBag), tagged(0, certificateBag(authority))),
    sequence(oid(OID.keyBag), tagged(0, await encryptKey(key, password, iterations.encryption)), localKeyId),
  );
  return protectSafe(encode(sequence(dataInfo(encode(bags)))), password, iterations.mac);
}

/** Long, and of many different characters: what a random generator makes, not a person. */
export function iterationsFor(password: string): Iterations {
  return LONG.test(password) && new Set(password).size >= VARIED ? FOR_MACHINES : FOR_PEOPLE;
}

/** The PFX around an AuthenticatedSafe, with a MAC over it. */
export async function protectSafe(safe: Uint8Array, password: string, iterations: number): Promise<Buffer> {
  const salt = randomBytes(SALT_OCTETS);
  const mac = await macOf(safe, password, salt, iterations);
  const digestInfo = sequence(sequence(oid(OID.sha256), nullValue()), octetString(mac));
  const macData = sequence(digestInfo, octetString(salt), smallInteger(iterations));
  return encode(sequence(smallInteger(3), dataInfo(safe), macData));
}

/** @throws Mom4cError M4C_KEYSTORE_PASSWORD, M4C_MALFORMED */
export async function decodePkcs12(octets: Uint8Array, password: string): Promise<Pkcs12> {
  const [version, authSafe, macData] = readSequence(decode(octets, MAX_PKCS12_OCTETS), 'PFX', 3);
  if (readSmallInteger(version, 'version') !== 3) throw malformed('PFX: version');
  const safe = readDataInfo(authSafe);
  await checkMac(safe, macData, password);
  // From here on the file is what we wrote.
  const [info] = readSequence(decode(safe, MAX_PKCS12_OCTETS), 'AuthenticatedSafe', 1);
  const bags = readSequence(decode(readDataInfo(info), MAX_PKCS12_OCTETS), 'SafeContents', 3);
  const [certificate, authority, encryptedKey] = bags;
  return {
    certificate: readCertificateBag(certificate),
    authority: readCertificateBag(authority),
    key: await decryptKey(readBag(encryptedKey, OID.keyBag), password),
  };
}

// --- ContentInfo and bags: RFC 7292 §4 --------------------------------------------------------------------------------

const dataInfo = (octets: Uint8Array): Der => sequence(oid(OID.data), tagged(0, octetString(octets)));

function readDataInfo(value: Der | undefined): Buffer {
  const [type, explicit] = readSequence(value, 'ContentInfo', 2);
  expectOid(type, OID.data, 'ContentInfo');
  return readOctetString(readTagged(explicit, 0, 'ContentInfo', 1)[0], 'ContentInfo');
}

const certificateBag = (der: Uint8Array): Der =>
  sequence(oid(OID.x509Certificate), tagged(0, octetString(der)));

function readCertificateBag(value: Der | undefined): Buffer {
  const [type, explicit] = readSequence(readBag(value, OID.certificateBag), 'CertBag', 2);
  expectOid(type, OID.x509Certificate, 'CertBag');
  return readOctetString(readTagged(explicit, 0, 'CertBag', 1)[0], 'CertBag');
}

function readBag(value: Der | undefined, type: string): Der | undefined {
  const [id, explicit] = readSequence(value, 'SafeBag');
  expectOid(id, type, 'SafeBag');
  return readTagged(explicit, 0, 'SafeBag', 1)[0];
}

// --- the key: PBES2, RFC 8018 §6.2 ------------------------------------------------------------------------------------

async function encryptKey(key: KeyObject, password: string, iterations: number): Promise<Der> {
  const salt = randomBytes(SALT_OCTETS);
  const iv = randomBytes(16);
  const secret = await derive(password, salt, iterations, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', secret, iv);
  const encrypted = Buffer.concat([
    cipher.update(key.export({ format: 'der', type: 'pkcs8' })),
    cipher.final(),
  ]);
  const prf = sequence(oid(OID.hmacSha256), nullValue());
  const kdf = sequence(oid(OID.pbkdf2), sequence(octetString(salt), smallInteger(iterations), prf));
  const scheme = sequence(oid(OID.aes256Cbc), octetString(iv));
  return sequence(sequence(oid(OID.pbes2), sequence(kdf, scheme)), octetString(encrypted));
}

async function decryptKey(value: Der | undefined, password: string): Promise<KeyObject> {
  const [algorithm, encrypted] = readSequence(value, 'EncryptedPrivateKeyInfo', 2);
  const [pbes2, parameters] = readSequence(algorithm, 'PBES2', 2);
  expectOid(pbes2, OID.pbes2, 'PBES2');
  const [kdf, scheme] = readSequence(parameters, 'PBES2', 2);
  const [kdfId, kdfParameters] = readSequence(kdf, 'PBKDF2', 2);
  expectOid(kdfId, OID.pbkdf2, 'PBKDF2');
  const [salt, iterations, prf] = readSequence(kdfParameters, 'PBKDF2', 3);
  expectOid(readSequence(prf, 'PBKDF2')[0], OID.hmacSha256, 'PBKDF2');
  const [schemeId, iv] = readSequence(scheme, 'PBES2', 2);
  expectOid(schemeId, OID.aes256Cbc, 'PBES2');
  const secret = await derive(
    password,
    readOctetString(salt, 'salt'),
    readIterations(iterations),
    32,
    'sha256',
  );
  try {
    const decipher = createDecipheriv('aes-256-cbc', secret, readOctetString(iv, 'iv'));
    const pkcs8 = Buffer.concat([decipher.update(readOctetString(encrypted, 'key')), decipher.final()]);
    return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  } catch {
    throw malformed('the key cannot be read');
  }
}

// --- the MAC: RFC 7292 §4 and appendix B -------------------------------------------------------------------------------

async function checkMac(safe: Uint8Array, macData: Der | undefined, password: string): Promise<void> {
  const [digestInfo, salt, iterations] = readSequence(macData, 'MacData', 3);
  const [algorithm, digest] = readSequence(digestInfo, 'MacData', 2);
  if (readPlainAlgorithm(algorithm, 'MacData') !== OID.sha256) throw malformed('MacData: SHA-256 expected');
  const expected = readOctetString(digest, 'MacData');
  const mac = await macOf(safe, password, readOctetString(salt, 'MacData'), readIterations(iterations));
  if (expected.length !== mac.length || !timingSafeEqual(expected, mac))
    throw new Mom4cError('M4C_KEYSTORE_PASSWORD', 'or the file was changed');
}

async function macOf(
  safe: Uint8Array,
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<Buffer> {
  // Its files are many, and most programs open no keystore.
  const { default: forge } = await import('node-forge');
  const saltBytes = forge.util.createBuffer(Buffer.from(salt).toString('latin1'));
  // 3: the id of MAC keys in appendix B.3.
  const key = forge.pkcs12.generateKey(password, saltBytes, 3, iterations, 32, forgeSha256(forge.util));
  return createHmac('sha256', Buffer.from(key.getBytes(), 'latin1')).update(safe).digest();
}

function readIterations(value: Der | undefined): number {
  const iterations = readSmallInteger(value, 'iterations');
  if (iterations < 1 || iterations > MAX_ITERATIONS)
    throw malformed(`more than ${MAX_ITERATIONS} iterations`);
  return iterations;
}
