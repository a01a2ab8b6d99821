/** Answers of an LDAP server, as its client library hands them on. */
import { createLdapDirectory } from '@mom4c/pki';
import { authority, clock, octetsOf, te1 } from '../corpus.ts';
import { Finding, type Target } from '../target.ts';
import { verdictOfAsync } from '../verdict.ts';

const OCTETS = /^base64:/;
const te = octetsOf('certificate te1').toString('base64');
const entry = (certificates: unknown): object => ({
  dn: 'cn=te1,ou=devices,dc=alpha,dc=test',
  'userCertificate;binary': certificates,
});
const issued = ['cm1', 'te1', 'te2', 'ldap'].map((name) => octetsOf(`certificate ${name}`));
const stopped = { ...clock, monotonic: () => 0, after: () => () => {} };

export const directoryAnswer: Target = {
  name: 'directory-answer',
  grammar: 'json',
  weight: 4,
  seeds: [
    [entry(`base64:${te}`)],
    [entry([`base64:${te}`, `base64:${te}`])],
    [entry(`base64:${te}`), entry([])],
    [],
  ].map((entries) => Buffer.from(JSON.stringify(entries))),
  run: (input) =>
    verdictOfAsync(async () => {
      const entries = readEntries(input);
      const connection = { search: async () => entries, close: async () => {} };
      const options = { url: '', base: 'dc=alpha,dc=test', authority, identity: te1, log: silent };
      const directory = createLdapDirectory({ ...options, clock: stopped }, connection);
      const { issuer, serial } = te1.certificate;
      const found = [
        await directory.byIssuerAndSerial(issuer, serial),
        ...(await directory.byAddress('te1@alpha.test')),
        ...(await directory.byRole('te')),
      ];
      for (const certificate of found)
        if (certificate && (certificate.name !== 'te1' || !issued.some((der) => der.equals(certificate.der))))
          throw new Finding(`${certificate.name} in an answer about te1`);
    }, ['M4C_DIRECTORY_ENTRY', 'M4C_CERTIFICATE_INVALID']),
};

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** The library gives entries: objects with a name, whose values are text, octets or lists of either. */
function readEntries(input: Uint8Array): never[] {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(input).toString(), (_, part: unknown) =>
      typeof part === 'string' && OCTETS.test(part) ? Buffer.from(part.slice(7), 'base64') : part,
    );
  } catch {
    value = [];
  }
  const entries = Array.isArray(value) ? value : [];
  return entries.filter((each) => typeof each === 'object' && each !== null) as never[];
}
