/** The authority's side of SCEP (RFC 8894) without its transport and without its policy: octets in, octets out. */
import type { KeyObject } from 'node:crypto';
import type { Certificate, Clock, Random } from '@mom4c/core';
import { readCertificate, verifyIssued } from './certificates.ts';
import type { Authority } from './certificates.ts';
import { openScepEnvelope, sealScepEnvelope, undecipherable } from './scep-envelope.ts';
import {
  checkScepSignature,
  parseScepMessage,
  ScepFault,
  writeCertificates,
  writeScepMessage,
} from './scep-message.ts';
import type { ScepMessage } from './scep-message.ts';
import { readCertificationRequest, samePublicKey } from './scep-request.ts';
import type { CertificationRequest } from './scep-request.ts';

export type ScepAuthority = {
  readonly authority: Authority;
  readonly key: KeyObject;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
};

export type ScepRequest = CertificationRequest & {
  /** A valid certificate of this authority, whose key signed the request; `undefined` in a first enrolment. */
  readonly renews: Certificate | undefined;
};

/** What GetCACaps answers (RFC 8894 §3.5.2): exactly what is served. */
export const SCEP_CAPABILITIES = 'AES\nSHA-256\nSHA-512\nPOSTPKIOperation\nRenewal\nSCEPStandard\n';

/**
 * One exchange of PKIOperation. `decide` gives the DER of the certificate to hand out, or throws a ScepFault, which is
 * answered; anything else that it throws is passed on.
 * @returns DER of the reply, and the fault that it carries
 * @throws Mom4cError M4C_MALFORMED if it is no pkiMessage, so that there is nothing to answer to
 */
export async function answerScep(
  octets: Uint8Array,
  own: ScepAuthority,
  decide: (request: ScepRequest, transactionId: string) => Promise<Uint8Array>,
): Promise<{ reply: Buffer; transactionId: string; fault: ScepFault | undefined }> {
  const message = parseScepMessage(octets);
  const { transactionId } = message.attributes;
  try {
    const certificate = await decide(openScepRequest(message, own), transactionId);
    return { reply: writeSuccess(message, certificate, own), transactionId, fault: undefined };
  } catch (fault) {
    if (!(fault instanceof ScepFault)) throw fault;
    return { reply: writeFailure(message, fault, own), transactionId, fault };
  }
}

/** @throws ScepFault */
function openScepRequest(message: ScepMessage, own: ScepAuthority): ScepRequest {
  const { messageType } = message.attributes;
  if (messageType === 'CertRep') throw new ScepFault('badRequest', 'a reply is no request');
  if (!message.signer) throw new ScepFault('badMessageCheck', 'without the certificate of its signer');
  checkScepSignature(message, message.signer);
  if (!message.envelope) throw new ScepFault('badRequest', 'without an envelope');
  // Before anything is decrypted: a stranger cannot even try the envelope of a renewal.
  const renews = messageType === 'RenewalReq' ? checkRenewer(message.signer.raw, own) : undefined;
  const request = openRequest(message.envelope, own);
  // A captured envelope is of no use to anybody but the holder of the key that it asks a certificate for.
  if (!renews && !samePublicKey(message.signer.publicKey, request.publicKey)) throw undecipherable();
  return { ...request, renews };
}

function checkRenewer(der: Buffer, { authority, clock }: ScepAuthority): Certificate {
  try {
    const certificate = readCertificate(der);
    verifyIssued(certificate, authority, clock.now());
    return certificate;
  } catch (error) {
    throw new ScepFault(
      'badCertID',
      `renewal signed by a certificate that is not acceptable: ${(error as Error).message}`,
    );
  }
}

function openRequest(envelope: Buffer, own: ScepAuthority): CertificationRequest {
  const content = openScepEnvelope(envelope, { key: own.key, certificate: own.authority.der }, own.random);
  try {
    return readCertificationRequest(content);
  } catch {
    // What a wrong key decrypts to must not be told apart from a request with faults.
    throw undecipherable();
  }
}

function writeSuccess(message: ScepMessage, certificate: Uint8Array, own: ScepAuthority): Buffer {
  const envelope = sealScepEnvelope(writeCertificates([certificate]), message.signer!, own.random);
  const attributes = { ...replyAttributes(message, own), pkiStatus: 'SUCCESS' } as const;
  return writeScepMessage(attributes, envelope, { key: own.key, certificate: own.authority.der });
}

function writeFailure(message: ScepMessage, fault: ScepFault, own: ScepAuthority): Buffer {
  const { failInfo, text } = fault;
  const attributes = {
    ...replyAttributes(message, own),
    pkiStatus: 'FAILURE',
    failInfo,
    failInfoText: text,
  } as const;
  return writeScepMessage(attributes, undefined, { key: own.key, certificate: own.authority.der });
}

function replyAttributes({ attributes }: ScepMessage, { random }: ScepAuthority) {
  return {
    messageType: 'CertRep',
    transactionId: attributes.transactionId,
    senderNonce: random.bytes(16),
    recipientNonce: attributes.senderNonce,
  } as const;
}
