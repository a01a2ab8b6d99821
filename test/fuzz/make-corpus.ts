/**
 * Makes `corpus.json`: keys, certificates and messages out of which the inputs of the cryptographic targets are made.
 * They are kept, since signatures and envelopes are different each time: so an input follows from its seed. Run it
 * again (`node test/fuzz/make-corpus.ts`) after a change of what we write. The keys protect nothing.
 */
import { createSecretKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Role } from '@mom4c/core';
import { createSealer, createSigner, issueCertificate, readAuthority, readCertificate } from '@mom4c/pki';
import { nameOf } from '../../packages/pki/src/certificate-names.ts';
import { writeCertificate } from '../../packages/pki/src/certificate-writer.ts';
import { encodePkcs12 } from '../../packages/pki/src/pkcs12.ts';
import { encode } from '../../packages/pki/src/der.ts';
import { sealScepEnvelope } from '../../packages/pki/src/scep-envelope.ts';
import { writeCertificates, writeScepMessage } from '../../packages/pki/src/scep-message.ts';
import { writeCertificationRequest, writeSelfSigned } from '../../packages/pki/src/scep-request.ts';
import { COMMAND, DOMAIN, NOW, PASSWORD, SESSION_KEY, TOKEN } from './constants.ts';
import { seededRandom } from './seeded-random.ts';

const drawn = seededRandom('corpus');
const random = { bytes: (count: number) => drawn.octets(count) };
const DAY = 86_400_000;
const corpus: Record<string, string> = {};
const keep = (name: string, octets: Uint8Array): void => {
  corpus[name] = Buffer.from(octets).toString('base64');
};

// 2048 bits: the product makes 3072, which takes three times as long for the same code.
const authorityKey = newKey('authority', 'rsa');
const name = encode(nameOf({ CN: 'ca', OU: 'ca', O: DOMAIN }));
const authority = readAuthority(
  await writeCertificate({
    subject: name,
    issuer: name,
    publicKey: authorityKey.publicKey,
    signingKey: authorityKey.privateKey,
    authorityKeyId: undefined,
    ca: true,
    usage: ['keyCertSign', 'cRLSign', 'digitalSignature', 'keyEncipherment'],
    extendedUsage: [],
    altNames: [],
    notBefore: NOW - DAY,
    notAfter: NOW + 30 * DAY,
    random,
  }),
);
keep('certificate authority', authority.der);

function newKey(owner: string, kind: 'ec' | 'rsa'): { publicKey: KeyObject; privateKey: KeyObject } {
  const pair =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  keep(`key ${owner}`, pair.privateKey.export({ type: 'pkcs8', format: 'der' }));
  return pair;
}

async function issue(owner: string, role: Role, kind: 'ec' | 'rsa') {
  const { publicKey, privateKey } = newKey(owner, kind);
  const own = `${owner}@${DOMAIN}`;
  const der = await issueCertificate({
    authority,
    authorityKey: authorityKey.privateKey,
    publicKey,
    name: owner,
    role,
    domain: DOMAIN,
    addresses: role === 'server' ? [] : role === 'cm' ? [own, `cm@${DOMAIN}`] : [own],
    ...(role === 'server' ? { dns: [`${owner}.${DOMAIN}`], ips: ['192.0.2.1', '2001:db8::1'] } : {}),
    notBefore: NOW - DAY,
    notAfter: NOW + DAY,
    random,
  });
  keep(`certificate ${owner}`, der);
  return { key: privateKey, certificate: readCertificate(der) };
}

const cm1 = await issue('cm1', 'cm', 'ec');
const te1 = await issue('te1', 'te', 'ec');
const te2 = await issue('te2', 'te', 'rsa');
await issue('ldap', 'server', 'ec');

const command = Buffer.from(JSON.stringify(COMMAND));
for (const [who, member] of Object.entries({ cm1, te2 })) {
  const signer = createSigner(member);
  keep(`signed detached ${who}`, await signer.signDetached(command));
  keep(`signed enclosed ${who}`, await signer.signEnclosed(command));
}
const sealer = createSealer(random);
const enclosed = Buffer.from(corpus['signed enclosed cm1']!, 'base64');
keep('sealed ec', await sealer.sealTo(enclosed, [te1.certificate]));
keep('sealed rsa', await sealer.sealTo(enclosed, [te2.certificate]));
keep('sealed both', await sealer.sealTo(enclosed, [cm1.certificate, te2.certificate, te1.certificate]));
const sessionKey = { id: SESSION_KEY.id, key: createSecretKey(Buffer.from(SESSION_KEY.key, 'hex')) };
keep('sealed session', await sealer.sealUnder(enclosed, sessionKey));

const subject = { name: 'te9', role: 'te', domain: DOMAIN } as const;
const ca = new X509Certificate(authority.der);
const enrolling = newKey('te9', 'rsa').privateKey;
const selfSigned = writeSelfSigned({ ...subject, key: enrolling, now: NOW, random });
keep('certificate te9', selfSigned);
const request = writeCertificationRequest({ ...subject, key: enrolling, challengePassword: TOKEN });
const renewal = writeCertificationRequest({ ...subject, name: 'te1', key: te1.key });
keep('request rsa', request);
keep('request ec', renewal);
keep('envelope request', sealScepEnvelope(request, ca, random));
const head = { transactionId: 'a1b2c3', senderNonce: random.bytes(16) } as const;
const envelope = Buffer.from(corpus['envelope request']!, 'base64');
keep(
  'scep enrolment',
  writeScepMessage({ ...head, messageType: 'PKCSReq' }, envelope, {
    key: enrolling,
    certificate: selfSigned,
  }),
);
keep(
  'scep renewal',
  writeScepMessage({ ...head, messageType: 'RenewalReq' }, sealScepEnvelope(renewal, ca, random), {
    key: te1.key,
    certificate: te1.certificate.der,
  }),
);
const answer = writeCertificates([te1.certificate.der]);
keep('certificates', answer);
const reply = { ...head, messageType: 'CertRep', recipientNonce: head.senderNonce } as const;
const own = { key: authorityKey.privateKey, certificate: authority.der };
const toEc = sealScepEnvelope(answer, new X509Certificate(te1.certificate.der), random);
keep('envelope answer', toEc);
keep('scep answer', writeScepMessage({ ...reply, pkiStatus: 'SUCCESS' }, toEc, own));
keep(
  'scep refusal',
  writeScepMessage(
    { ...reply, pkiStatus: 'FAILURE', failInfo: 'badRequest', failInfoText: 'M4C_TOKEN_EXPIRED' },
    undefined,
    own,
  ),
);

const parts = { key: te1.key, certificate: te1.certificate.der, authority: authority.der };
keep('keystore', await encodePkcs12(parts, PASSWORD, { encryption: 2, mac: 1 }));

writeFileSync(join(import.meta.dirname, 'corpus.json'), `${JSON.stringify(corpus, null, 2)}\n`);
