/** The attributes that make a signed CMS message a SCEP message (RFC 8894 §3.2.1). */
import {
  malformed,
  octetString,
  oid,
  printableString,
  readOctetString,
  readText,
  sequence,
  setOf,
  utf8String,
} from './der.ts';
import type { Der } from './der.ts';

/** RFC 8894 §3.2.1.4.4. */
export type ScepFailInfo = 'badAlg' | 'badMessageCheck' | 'badRequest' | 'badTime' | 'badCertID';

/** What a client may send (RFC 8894 §3.2.1.2). */
export type ScepRequestType = 'PKCSReq' | 'RenewalReq' | 'CertPoll' | 'GetCRL' | 'GetCert';

export type ScepAttributes = {
  /** 1 to 128 printable characters: certmonger writes a SHA-256 in decimal. */
  readonly transactionId: string;
  /** 16 octets. */
  readonly senderNonce: Uint8Array;
  readonly recipientNonce?: Uint8Array | undefined;
} & (
  | { readonly messageType: ScepRequestType }
  | { readonly messageType: 'CertRep'; readonly pkiStatus: 'SUCCESS' | 'PENDING' }
  | {
      readonly messageType: 'CertRep';
      readonly pkiStatus: 'FAILURE';
      readonly failInfo: ScepFailInfo;
      /** RFC 8894 §3.2.1.4.4: UTF-8, here a code of our catalogue. */
      readonly failInfoText?: string | undefined;
    }
);

/** An attribute's only value, by its type. */
export type Attributes = (type: string) => Der | undefined;

const MESSAGE_TYPES = {
  CertRep: '3',
  RenewalReq: '17',
  PKCSReq: '19',
  CertPoll: '20',
  GetCert: '21',
  GetCRL: '22',
} as const;
const PKI_STATUS = { SUCCESS: '0', FAILURE: '2', PENDING: '3' } as const;
const FAIL_INFO = {
  badAlg: '0',
  badMessageCheck: '1',
  badRequest: '2',
  badTime: '3',
  badCertID: '4',
} as const;

// RFC 8894 §3.2.1, under VeriSign's arc; failInfoText is id-scep 1.
const OID_MESSAGE_TYPE = '2.16.840.1.113733.1.9.2';
const OID_PKI_STATUS = '2.16.840.1.113733.1.9.3';
const OID_FAIL_INFO = '2.16.840.1.113733.1.9.4';
const OID_SENDER_NONCE = '2.16.840.1.113733.1.9.5';
const OID_RECIPIENT_NONCE = '2.16.840.1.113733.1.9.6';
const OID_TRANSACTION_ID = '2.16.840.1.113733.1.9.7';
const OID_FAIL_INFO_TEXT = '1.3.6.1.5.5.7.24.1';

export function attribute(type: string, value: Der): Der {
  return sequence(oid(type), setOf(value));
}

export function writeScepAttributes(attributes: ScepAttributes): Der[] {
  const list = [
    attribute(OID_MESSAGE_TYPE, printableString(MESSAGE_TYPES[attributes.messageType])),
    attribute(OID_TRANSACTION_ID, printableString(attributes.transactionId)),
    attribute(OID_SENDER_NONCE, octetString(attributes.senderNonce)),
  ];
  if (attributes.recipientNonce)
    list.push(attribute(OID_RECIPIENT_NONCE, octetString(attributes.recipientNonce)));
  if (attributes.messageType !== 'CertRep') return list;
  list.push(attribute(OID_PKI_STATUS, printableString(PKI_STATUS[attributes.pkiStatus])));
  if (attributes.pkiStatus !== 'FAILURE') return list;
  list.push(attribute(OID_FAIL_INFO, printableString(FAIL_INFO[attributes.failInfo])));
  if (attributes.failInfoText) list.push(attribute(OID_FAIL_INFO_TEXT, utf8String(attributes.failInfoText)));
  return list;
}

/** @throws Mom4cError M4C_MALFORMED */
export function readScepAttributes(found: Attributes): ScepAttributes {
  const transactionId = readText(found(OID_TRANSACTION_ID), 'transactionID');
  if (!/^[\x21-\x7e]{1,128}$/.test(transactionId)) throw malformed('transactionID');
  const senderNonce = readNonce(found(OID_SENDER_NONCE), 'senderNonce');
  const recipient = found(OID_RECIPIENT_NONCE);
  const base = {
    transactionId,
    senderNonce,
    recipientNonce: recipient && readNonce(recipient, 'recipientNonce'),
  };
  const messageType = readName(MESSAGE_TYPES, found(OID_MESSAGE_TYPE), 'messageType');
  if (messageType !== 'CertRep') return { ...base, messageType };
  const pkiStatus = readName(PKI_STATUS, found(OID_PKI_STATUS), 'pkiStatus');
  if (pkiStatus !== 'FAILURE') return { ...base, messageType, pkiStatus };
  const text = found(OID_FAIL_INFO_TEXT);
  const failInfoText = text && readText(text, 'failInfoText').slice(0, 200);
  return {
    ...base,
    messageType,
    pkiStatus,
    failInfo: readName(FAIL_INFO, found(OID_FAIL_INFO), 'failInfo'),
    failInfoText,
  };
}

function readNonce(value: Der | undefined, what: string): Buffer {
  const nonce = readOctetString(value, what);
  if (nonce.length !== 16) throw malformed(what);
  return nonce;
}

function readName<Name extends string>(
  names: Record<Name, string>,
  value: Der | undefined,
  what: string,
): Name {
  const wire = readText(value, what);
  const found = (Object.keys(names) as Name[]).find((name) => names[name] === wire);
  if (found === undefined) throw malformed(what);
  return found;
}
