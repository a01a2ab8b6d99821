/** Certificates of many task executors, made by the authority's own key and put into the directory, without its service: what
 *  enrolment costs is not in question here. */
import { generateKeyPairSync } from 'node:crypto';
import { silentLog, systemClock, systemRandom } from '@mom4c/core';
import type { LabDomain } from '@mom4c/lab';
import { createDirectoryPublisher, issueCertificate, readCertificate, toPem } from '@mom4c/pki';
import type { Identity, Keystore } from '@mom4c/pki';
import type { CrowdMember } from './crowd-protocol.ts';

/** @param ca of the lab's domain */
export async function makeCrowd(domain: LabDomain, ca: Keystore, count: number): Promise<CrowdMember[]> {
  const writer = await issue(domain, ca, 'ca', 'ca');
  const publisher = createDirectoryPublisher({
    ...domain.describe().ldap,
    ...{ authority: ca.authority, identity: writer, clock: systemClock, log: silentLog },
  });
  try {
    const made: CrowdMember[] = [];
    for (let n = 1; n <= count; n++) {
      const { key, certificate } = await issue(domain, ca, `t${String(n).padStart(4, '0')}`, 'te');
      await publisher.publish(certificate);
      made.push({
        ...{
          name: certificate.name,
          certificate: certificate.der,
          cert: toPem('CERTIFICATE', certificate.der),
        },
        key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      });
    }
    return made;
  } finally {
    await publisher.close();
  }
}

async function issue(
  domain: LabDomain,
  { authority, key: authorityKey }: Keystore,
  name: string,
  role: 'ca' | 'te',
): Promise<Identity> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Date.now();
  const der = await issueCertificate({
    ...{ name, role, domain: domain.name, addresses: [`${name}@${domain.name}`], random: systemRandom },
    ...{ notBefore: now - 60_000, notAfter: Math.min(now + 86_400_000, authority.notAfter) },
    ...{ authority, authorityKey, publicKey },
  });
  return { key: privateKey, certificate: readCertificate(der) };
}
