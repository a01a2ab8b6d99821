/** xmlsec1 as the other implementation of XML signatures, and openssl for keys that ours would not make. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type XmlsecKey = {
  readonly key: KeyObject;
  readonly keyPem: string;
  readonly certificatePem: string;
  /** DER in base64. */
  readonly certificate: string;
};

/** In which elements an attribute `ID` is an ID, as a schema would say. */
const ID_ELEMENTS = [
  'urn:oasis:names:tc:SAML:2.0:assertion:Assertion',
  'urn:oasis:names:tc:SAML:2.0:protocol:Response',
  'urn:oasis:names:tc:SAML:2.0:metadata:EntitiesDescriptor',
];
const IDS = ID_ELEMENTS.flatMap((element) => ['--id-attr:ID', element]);

/** @param algorithm `rsa:BITS`, or a curve by the name that openssl has for it */
export function opensslKey(algorithm: string): XmlsecKey {
  return inFolder((at) => {
    const kind = algorithm.startsWith('rsa:')
      ? ['-newkey', algorithm]
      : ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${algorithm}`];
    const files = ['-keyout', at('key.pem'), '-out', at('certificate.pem')];
    execFileSync(
      'openssl',
      ['req', '-x509', ...kind, '-nodes', '-days', '1', '-subj', '/CN=test', ...files],
      {
        stdio: 'ignore',
      },
    );
    const [keyPem, certificatePem] = [
      readFileSync(at('key.pem'), 'utf8'),
      readFileSync(at('certificate.pem'), 'utf8'),
    ];
    const certificate = new X509Certificate(certificatePem).raw.toString('base64');
    return { key: createPrivateKey(keyPem), keyPem, certificatePem, certificate };
  });
}

/** @param template XML with a signature that has neither digest nor value. @throws Error if xmlsec1 does not sign it */
export function signWithXmlsec(template: string, { keyPem }: Pick<XmlsecKey, 'keyPem'>): string {
  return inFolder((at) => {
    writeFileSync(at('template.xml'), template);
    writeFileSync(at('key.pem'), keyPem, { mode: 0o600 });
    const files = ['--privkey-pem', at('key.pem'), '--output', at('signed.xml'), at('template.xml')];
    execFileSync('xmlsec1', ['--sign', ...IDS, ...files], { stdio: 'pipe' });
    return readFileSync(at('signed.xml'), 'utf8');
  });
}

/** Of the first signature in it. */
export function verifiesWithXmlsec(
  xml: string,
  { certificatePem }: Pick<XmlsecKey, 'certificatePem'>,
): boolean {
  return inFolder((at) => {
    writeFileSync(at('signed.xml'), xml);
    writeFileSync(at('certificate.pem'), certificatePem);
    const key = ['--enabled-key-data', 'key-name', '--pubkey-cert-pem', at('certificate.pem')];
    return spawnSync('xmlsec1', ['--verify', ...IDS, ...key, at('signed.xml')]).status === 0;
  });
}

function inFolder<T>(work: (at: (name: string) => string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-xmlsec-'));
  try {
    return work((name) => join(folder, name));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
