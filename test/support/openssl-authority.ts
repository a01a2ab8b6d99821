/**
 * Certificates by the openssl command, for tests of packages that must not depend on our own authority: what another
 * program made is the better oracle.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Issued = {
  /** PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Paths of the same. */
  readonly files: { readonly ca: string; readonly cert: string; readonly key: string };
};

export type OpensslAuthority = {
  /** @param san as in openssl's configuration, e.g. `DNS:alpha.test,IP:127.0.0.1` */
  issue(name: string, san: string): Issued;
  /** With xmppAddr (RFC 6120 §13.7.1.4) for each address. */
  issueFor(name: string, ...addresses: readonly string[]): Issued;
};

const OID_XMPP_ADDR = '1.3.6.1.5.5.7.8.5';
const P256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** @param folder where the files go; the caller removes it */
export function createOpensslAuthority(folder: string, name = 'ca'): OpensslAuthority {
  const at = (file: string): string => join(folder, file);
  const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' });
  const ca = at(`${name}.pem`);
  const caKey = at(`${name}.key`);
  openssl('req', '-x509', ...P256, '-keyout', caKey, '-out', ca, '-days', '2', '-subj', `/CN=${name}`);

  function issue(subject: string, san: string): Issued {
    const files = { ca, cert: at(`${name}-${subject}.pem`), key: at(`${name}-${subject}.key`) };
    const request = at(`${name}-${subject}.csr`);
    const extensions = at(`${name}-${subject}.ext`);
    writeFileSync(extensions, `subjectAltName=${san}\n`);
    openssl('req', ...P256, '-keyout', files.key, '-out', request, '-subj', `/CN=${subject}`);
    const signing = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '2', '-extfile', extensions];
    openssl('x509', '-req', '-in', request, '-out', files.cert, ...signing);
    const read = (file: string): string => readFileSync(file, 'utf8');
    return { ca: read(ca), cert: read(files.cert), key: read(files.key), files };
  }

  return {
    issue,
    issueFor: (subject, ...addresses) =>
      issue(subject, addresses.map((address) => `otherName:${OID_XMPP_ADDR};UTF8:${address}`).join(',')),
  };
}
