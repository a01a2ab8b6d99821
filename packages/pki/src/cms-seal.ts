/** Making and opening CMS AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC 5084) and a fresh content key each. */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import {
  type Certificate,
  type Clock,
  Mom4cError,
  type Opener,
  type Random,
  type Sealer,
  type SessionKey,
  systemClock,
} from '@mom4c/core';
import { type RecipientInfo, readRecipientInfo, wrapFor, wrapUnder } from './cms-recipients.ts';
import { algorithm, checkSize, decodeContentInfo, encodeContentInfo, OID } from './cms-structure.ts';
import {
  type Der,
  expectOid,
  malformed,
  octetString,
  oid,
  readOctetString,
  readSequence,
  readSet,
  readSmallInteger,
  readTaggedOctets,
  sequence,
  setOf,
  smallInteger,
  taggedOctets,
} from './der.ts';
import { checkKeyPair } from './key-pair.ts';
import { ReceivingKeys, SendingKeys } from './pair-keys.ts';

type AuthEnvelopedData = {
  readonly recipients: readonly RecipientInfo[];
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
};

const KEY_OCTETS = 32;
/** RFC 5084 §3.2: 12 octets are recommended; the key is fresh each time, so that no nonce can repeat. */
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;
/** Different for each letter, so that each derives a key of its own from the secret of its pair. */
const UKM_OCTETS = 16;
/** All cluster managers of a domain, with room to spare; each costs the reader a little time. */
const MAX_RECIPIENTS = 64;
const VERSION_0 = smallInteger(0);
const DATA = oid(OID.data);
const TAG_LENGTH = smallInteger(TAG_OCTETS);
const SESSION_KEY_ID = /^[0-9a-f]{32}$/;

/** @param random draws content keys, nonces and ukm; ephemeral keys of P-256 and the padding of RSA come from node:crypto
 *  @param clock for the life of pair keys */
export function createSealer(random: Random, clock: Pick<Clock, 'monotonic'> = systemClock): Sealer {
  const keys = new SendingKeys(clock);

  function seal(content: Uint8Array, wrap: (contentKey: Uint8Array, ukm: Uint8Array) => Der[]): Uint8Array {
    checkSize(content);
    const drawn = random.bytes(KEY_OCTETS + NONCE_OCTETS + UKM_OCTETS);
    const contentKey = drawn.subarray(0, KEY_OCTETS);
    const nonce = drawn.subarray(KEY_OCTETS, KEY_OCTETS + NONCE_OCTETS);
    const ukm = drawn.subarray(KEY_OCTETS + NONCE_OCTETS);
    const options = { authTagLength: TAG_OCTETS };
    const cipher = createCipheriv('aes-256-gcm', createSecretKey(contentKey), nonce, options);
    // GCM keeps nothing back for the end.
    const ciphertext = cipher.update(content);
    cipher.final();
    const parameters = sequence(octetString(nonce), TAG_LENGTH);
    return encodeContentInfo(
      OID.authEnvelopedData,
      sequence(
        VERSION_0,
        setOf(...wrap(contentKey, ukm)),
        sequence(DATA, algorithm(OID.aes256Gcm, parameters), taggedOctets(0, ciphertext)),
        octetString(cipher.getAuthTag()),
      ),
    );
  }

  return {
    async sealTo(content: Uint8Array, recipients: readonly Certificate[]): Promise<Uint8Array> {
      checkRecipients(recipients);
      return seal(content, (contentKey, ukm) =>
        recipients.map((recipient) => wrapFor(recipient, contentKey, ukm, keys)),
      );
    },
    async sealUnder(content: Uint8Array, key: SessionKey): Promise<Uint8Array> {
      if (!SESSION_KEY_ID.test(key.id) || key.key.symmetricKeySize !== KEY_OCTETS)
        throw new TypeError('a session key has 32 octets, and an id of 16 octets in lower-case hex');
      return seal(content, (contentKey) => [wrapUnder(key, contentKey)]);
    },
  };
}

/** @throws Mom4cError M4C_CERTIFICATE_INVALID if the key is not that of the certificate */
export function createOpener({ key, certificate }: { key: KeyObject; certificate: Certificate }): Opener {
  checkKeyPair(key, certificate);
  const keys = new ReceivingKeys(key);

  /** @returns how to get the content key, from the first RecipientInfo that is for us */
  function find(
    recipients: readonly RecipientInfo[],
    findKey: (id: string) => SessionKey | undefined,
  ): () => KeyObject {
    for (const info of recipients) {
      if (info.kind === 'session') {
        const session = findKey(info.id);
        if (session) return () => info.unwrap(session.key);
      } else if (info.recipient.issuer === certificate.issuer && info.recipient.serial === certificate.serial)
        return () => (info.kind === 'agreement' ? info.unwrap(keys) : info.unwrap(key));
    }
    throw new Mom4cError('M4C_CANNOT_OPEN', 'no recipient of it is known here');
  }

  return {
    async open(sealed: Uint8Array, findKey: (id: string) => SessionKey | undefined): Promise<Uint8Array> {
      const { recipients, nonce, ciphertext, tag } = readAuthEnvelopedData(sealed);
      const unwrap = find(recipients, findKey);
      try {
        const decipher = createDecipheriv('aes-256-gcm', unwrap(), nonce, { authTagLength: TAG_OCTETS });
        decipher.setAuthTag(tag);
        const content = decipher.update(ciphertext);
        // Throws if the tag does not fit: before that nothing of it may be used.
        decipher.final();
        return content;
      } catch {
        // Always the same words: which step failed would tell an attacker something about the key.
        throw new Mom4cError('M4C_CANNOT_OPEN', 'key or content does not fit');
      }
    },
  };
}

/** RFC 5083 §2.1, without originatorInfo and attributes. @throws Mom4cError M4C_TOO_LARGE, M4C_MALFORMED */
function readAuthEnvelopedData(octets: Uint8Array): AuthEnvelopedData {
  const items = decodeContentInfo(octets, OID.authEnvelopedData, 'AuthEnvelopedData');
  if (items.length !== 4)
    throw malformed('AuthEnvelopedData: originatorInfo and attributes are not accepted');
  const [version, recipientInfos, encrypted, mac] = items;
  if (readSmallInteger(version, 'version') !== 0) throw malformed('AuthEnvelopedData: version');
  const infos = readSet(recipientInfos, 'recipientInfos');
  const recipients = infos.length > MAX_RECIPIENTS ? [] : infos.flatMap(readRecipientInfo);
  if (recipients.length === 0 || recipients.length > MAX_RECIPIENTS)
    throw malformed(`recipientInfos: 1 to ${MAX_RECIPIENTS} expected`);
  const [type, encryption, ciphertext] = readSequence(encrypted, 'authEncryptedContentInfo', 3);
  expectOid(type, OID.data, 'contentType');
  const tag = readOctetString(mac, 'mac');
  if (tag.length !== TAG_OCTETS) throw malformed('mac: 16 octets expected');
  return {
    recipients,
    nonce: readNonce(encryption),
    ciphertext: readTaggedOctets(ciphertext, 0, 'encryptedContent'),
    tag,
  };
}

/** GCMParameters (RFC 5084 §3.2). */
function readNonce(encryption: Der | undefined): Buffer {
  const [id, parameters] = readSequence(encryption, 'contentEncryptionAlgorithm', 2);
  expectOid(id, OID.aes256Gcm, 'contentEncryptionAlgorithm');
  const [octets, tagLength] = readSequence(parameters, 'GCMParameters', 2);
  const nonce = readOctetString(octets, 'nonce');
  if (nonce.length !== NONCE_OCTETS) throw malformed('nonce: 12 octets expected');
  if (readSmallInteger(tagLength, 'ICVlen') !== TAG_OCTETS) throw malformed('ICVlen: 16 octets expected');
  return nonce;
}

function checkRecipients(recipients: readonly Certificate[]): void {
  if (recipients.length === 0 || recipients.length > MAX_RECIPIENTS)
    throw new RangeError(`1 to ${MAX_RECIPIENTS} recipients expected`);
  if (recipients.some(({ role }) => role === 'server'))
    throw new Mom4cError('M4C_CERTIFICATE_INVALID', 'a server does not open messages');
}
