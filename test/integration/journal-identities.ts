/** Managers that sign records of a journal, for tests of the journal without a directory server: a fake behind its port. */
import { generateKeyPairSync } from 'node:crypto';
import { systemClock, systemRandom, uuidv7 } from '@mom4c/core';
import type { Certificate, JournalEntry, JournalRecords, Role } from '@mom4c/core';
import { journalRecords } from '@mom4c/messaging';
import { createAuthority, createSigner, createVerifier, issueCertificate, readCertificate } from '@mom4c/pki';

export type JournalIdentities = {
  as(name: string, role?: Role, published?: boolean): Promise<JournalRecords>;
};

export async function journalIdentities(domain = 'alpha.test'): Promise<JournalIdentities> {
  const { authority, key: authorityKey } = await createAuthority({
    domain,
    clock: systemClock,
    random: systemRandom,
    validityDays: 2,
  });
  const known: Certificate[] = [];
  const directory = {
    byIssuerAndSerial: async (issuer: string, serial: string) =>
      known.find((one) => one.issuer === issuer && one.serial === serial),
  };
  const verifier = createVerifier({ directory, authority, clock: systemClock });
  return {
    async as(name, role = 'cm', published = true) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const now = systemClock.now();
      const der = await issueCertificate({
        ...{ authority, authorityKey, publicKey, name, role, domain, random: systemRandom },
        addresses: [`${name}@${domain}`],
        notBefore: now - 60_000,
        notAfter: now + 3_600_000,
      });
      const certificate = readCertificate(der);
      if (published) known.push(certificate);
      return journalRecords(createSigner({ key: privateKey, certificate }), verifier);
    },
  };
}

export const journalEntry = (fields: Partial<JournalEntry> = {}): JournalEntry => ({
  id: uuidv7(systemClock, systemRandom),
  command: 'ping',
  requester: 'admin@alpha.test/cli',
  acceptedAt: 1000,
  deadline: 2000,
  evidence: Uint8Array.of(1, 2, 3),
  targets: ['te1'],
  ...fields,
});
