/** Certificates, as the directory, a peer or a PEM file shows them. */
import { fromPem, readAuthority, readCertificate, toPem, verifyIssued } from '@mom4c/pki';
import { allOf, authority } from '../corpus.ts';
import { NOW } from '../constants.ts';
import { Finding, type Target } from '../target.ts';
import { verdictOf } from '../verdict.ts';

const issued = ['cm1', 'te1', 'te2', 'ldap'].flatMap((name) => allOf(`certificate ${name}`));

export const certificate: Target = {
  name: 'certificate',
  grammar: 'der',
  weight: 6,
  seeds: issued,
  run: (input) =>
    verdictOf(() => {
      const read = readCertificate(input);
      const genuine = issued.some((der) => der.equals(input));
      const verdict = verdictOf(() => verifyIssued(read, authority, NOW), ['M4C_CERTIFICATE_INVALID']);
      if (verdict === 'accepted' && !genuine) throw new Finding('a changed certificate counts as issued');
    }, ['M4C_CERTIFICATE_INVALID']),
};

export const authorityCertificate: Target = {
  name: 'authority',
  grammar: 'der',
  weight: 3,
  seeds: allOf('certificate authority'),
  run: (input) => verdictOf(() => readAuthority(input), ['M4C_CERTIFICATE_INVALID']),
};

export const pem: Target = {
  name: 'pem',
  grammar: 'text',
  weight: 5,
  seeds: issued.map((der) => Buffer.from(toPem('CERTIFICATE', der))),
  run: (input) =>
    verdictOf(() => fromPem('CERTIFICATE', Buffer.from(input).toString()), ['M4C_CERTIFICATE_INVALID']),
};
