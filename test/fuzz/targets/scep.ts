/** SCEP, both sides: messages, envelopes, attributes, requests for certificates. */
import { sign, X509Certificate } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { answerScep, ScepFault } from '@mom4c/pki';
import { bitString, decode, encode, oid, readSequence, sequence } from '../../../packages/pki/src/der.ts';
import { openScepEnvelope } from '../../../packages/pki/src/scep-envelope.ts';
import {
  checkScepSignature,
  parseScepMessage,
  readCertificates,
} from '../../../packages/pki/src/scep-message.ts';
import {
  readIssuerAndSerial,
  readIssuerAndSubject,
  writeIssuerAndSerial,
  writeIssuerAndSubject,
} from '../../../packages/pki/src/scep-query.ts';
import { readCertificationRequest } from '../../../packages/pki/src/scep-request.ts';
import { TOKEN } from '../constants.ts';
import { allOf, authority, clock, keyOf, octetsOf, random, te1 } from '../corpus.ts';
import { Finding, type Target, type Verdict } from '../target.ts';
import { verdictOf, verdictOfAsync } from '../verdict.ts';

/** What is asked for in the corpus. */
const enrolled = { name: 'te9', role: 'te', domain: 'alpha.test', challengePassword: TOKEN };
const renewed = { name: 'te1', role: 'te', domain: 'alpha.test' };
const REQUESTED = [enrolled, { ...renewed, challengePassword: undefined }];

const key = keyOf('authority');
const own = { authority, key, clock, random };
const authorityCertificate = new X509Certificate(authority.der);

const anyCipher = (): void => {};

/** A fault of SCEP is a refusal, too. */
function orFault(work: () => Verdict): Verdict {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof ScepFault) return 'refused';
    throw thrown;
  }
}

/** As the authority answers, until it decides. */
export const scepRequest: Target = {
  name: 'scep-request',
  grammar: 'der',
  weight: 2,
  seeds: [octetsOf('scep enrolment'), octetsOf('scep renewal')],
  run: (input) =>
    verdictOfAsync(async () => {
      const { reply } = await answerScep(input, own, {
        admitsWeak: () => true,
        async certify({ subject, challengePassword, renews }) {
          const asked = renews
            ? isDeepStrictEqual({ ...subject, renews: renews.name }, { ...renewed, renews: 'te1' })
            : isDeepStrictEqual({ ...subject, challengePassword }, enrolled);
          if (!asked) throw new Finding(`accepted with another request: ${JSON.stringify(subject)}`);
          return te1.certificate.der;
        },
        poll: async () => undefined,
        crl: async () => te1.certificate.der,
      });
      checkScepSignature(parseScepMessage(reply), authorityCertificate);
    }, ['M4C_MALFORMED']),
};

/** As a node reads an answer. */
export const scepAnswer: Target = {
  name: 'scep-answer',
  grammar: 'der',
  weight: 6,
  seeds: [octetsOf('scep answer'), octetsOf('scep refusal')],
  run: (input) =>
    orFault(() =>
      verdictOf(() => {
        const message = parseScepMessage(input);
        checkScepSignature(message, authorityCertificate);
        const { envelope } = message;
        if (envelope && !envelope.equals(octetsOf('envelope answer')))
          throw new Finding('an answer that the authority did not sign');
      }, ['M4C_MALFORMED']),
    ),
};

export const scepEnvelope: Target = {
  name: 'scep-envelope',
  grammar: 'der',
  weight: 2,
  seeds: [octetsOf('envelope request')],
  run: (input) =>
    orFault(() =>
      verdictOf(
        () => openScepEnvelope(input, { key, certificate: authority.der }, random, anyCipher),
        ['M4C_MALFORMED'],
      ),
    ),
};

/** The same by key agreement, as a node gets it. */
export const scepEnvelopeEc: Target = {
  name: 'scep-envelope-ec',
  grammar: 'der',
  weight: 4,
  seeds: [octetsOf('envelope answer')],
  run: (input) =>
    orFault(() =>
      verdictOf(
        () => openScepEnvelope(input, { key: te1.key, certificate: te1.certificate.der }, random, anyCipher),
        ['M4C_MALFORMED'],
      ),
    ),
};

export const scepCertificates: Target = {
  name: 'scep-certificates',
  grammar: 'der',
  weight: 3,
  seeds: [octetsOf('certificates')],
  run: (input) => verdictOf(() => readCertificates(input), ['M4C_MALFORMED']),
};

/** Two names, or a name and a number: what CertPoll and GetCRL ask about. */
export const scepNames: Target = {
  name: 'scep-names',
  grammar: 'der',
  weight: 2,
  seeds: [
    writeIssuerAndSerial(te1.certificate),
    writeIssuerAndSubject({ issuer: authority.subject, subject: authority.subject }),
  ],
  run(input) {
    const [asSubject, asSerial] = [readIssuerAndSubject, readIssuerAndSerial].map((read) =>
      verdictOf(() => void read(Buffer.from(input)), ['M4C_MALFORMED']),
    );
    if (asSubject === 'accepted' && asSerial === 'accepted') throw new Finding('it is read as both');
    return asSubject === 'accepted' || asSerial === 'accepted' ? 'accepted' : 'refused';
  },
};

export const certificationRequest: Target = {
  name: 'certification-request',
  grammar: 'der',
  weight: 4,
  seeds: allOf('request '),
  run: (input) =>
    verdictOf(() => {
      const { subject, challengePassword } = readCertificationRequest(input);
      const asked = { ...subject, challengePassword };
      if (!REQUESTED.some((genuine) => isDeepStrictEqual(asked, genuine)))
        throw new Finding(`a request that was changed: ${JSON.stringify(asked)}`);
    }, ['M4C_MALFORMED']),
};

/** What is asked for, signed by who asks: so everything in it is looked at. */
export const certificationRequestInfo: Target = {
  name: 'certification-request-info',
  grammar: 'der',
  weight: 4,
  seeds: [encode(readSequence(decode(octetsOf('request ec'), 65_536), '')[0]!)],
  run: (input) =>
    verdictOf(() => {
      const info = decode(input, 65_536);
      const signature = bitString(sign('sha256', input, te1.key));
      readCertificationRequest(encode(sequence(info, sequence(oid('1.2.840.10045.4.3.2')), signature)));
    }, ['M4C_MALFORMED']),
};
