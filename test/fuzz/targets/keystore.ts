/** The keystore of a node: a file that somebody else may have written to. */
import { decodePkcs12, protectSafe } from '../../../packages/pki/src/pkcs12.ts';
import { decode, readOctetString, readSequence, readTagged } from '../../../packages/pki/src/der.ts';
import { PASSWORD } from '../constants.ts';
import { octetsOf, te1 } from '../corpus.ts';
import { Finding, type Target } from '../target.ts';
import { verdictOfAsync } from '../verdict.ts';

const file = octetsOf('keystore');
const REFUSALS = ['M4C_MALFORMED', 'M4C_KEYSTORE_PASSWORD'] as const;

export const keystore: Target = {
  name: 'keystore',
  grammar: 'der',
  weight: 2,
  seeds: [file],
  run: (input) =>
    verdictOfAsync(async () => {
      const { certificate, key } = await decodePkcs12(input, PASSWORD);
      if (!te1.key.equals(key) || Buffer.compare(certificate, te1.certificate.der) !== 0)
        throw new Finding('a changed keystore was taken');
    }, REFUSALS),
};

/** As one who knows the password could write it. */
export const keystoreSafe: Target = {
  name: 'keystore-safe',
  grammar: 'der',
  weight: 2,
  seeds: [safeOf(file)],
  run: (input) =>
    verdictOfAsync(async () => {
      await decodePkcs12(await protectSafe(input, PASSWORD, 1), PASSWORD);
    }, REFUSALS),
};

function safeOf(octets: Buffer): Buffer {
  const [, authSafe] = readSequence(decode(octets, 65_536), '');
  return readOctetString(readTagged(readSequence(authSafe, '')[1], 0, '')[0], '');
}
