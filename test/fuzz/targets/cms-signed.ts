/** CMS SignedData: changed on its way, or signed by somebody who makes it up. */
import { createHash, sign } from 'node:crypto';
import { createVerifier } from '@mom4c/pki';
import {
  algorithm,
  encodeContentInfo,
  issuerAndSerial,
  OID,
} from '../../../packages/pki/src/cms-structure.ts';
import {
  type Der,
  decode,
  encode,
  octetString,
  oid,
  readOctetString,
  readOid,
  readSequence,
  readSet,
  readTagged,
  sequence,
  setOf,
  smallInteger,
  tagged,
} from '../../../packages/pki/src/der.ts';
import { allOf, authority, clock, cm1, command, directory, octetsOf } from '../corpus.ts';
import { Finding, type Target } from '../target.ts';
import { verdictOf, verdictOfAsync } from '../verdict.ts';

const MAX = 65_536;
const verifier = createVerifier({ directory, authority, clock });
const REFUSALS = [
  'M4C_MALFORMED',
  'M4C_TOO_LARGE',
  'M4C_BAD_SIGNATURE',
  'M4C_CERTIFICATE_UNKNOWN',
  'M4C_CERTIFICATE_INVALID',
] as const;

async function verified(signedData: Uint8Array, detached?: Uint8Array): Promise<void> {
  const { content } = await verifier.verify(signedData, detached);
  if (!command.equals(content)) throw new Finding('accepted with a content that nobody signed');
}

export const cmsSigned: Target = {
  name: 'cms-signed',
  grammar: 'der',
  weight: 12,
  seeds: allOf('signed enclosed'),
  run: (input) => verdictOfAsync(() => verified(input), REFUSALS),
};

export const cmsDetached: Target = {
  name: 'cms-detached',
  grammar: 'der',
  weight: 6,
  seeds: allOf('signed detached'),
  run: (input) => verdictOfAsync(() => verified(input, command), REFUSALS),
};

export const cmsDetachedContent: Target = {
  name: 'cms-detached-content',
  grammar: 'json',
  weight: 4,
  seeds: [command],
  run: (input) => verdictOfAsync(() => verified(octetsOf('signed detached cm1'), input), REFUSALS),
};

/** The parts of a SignerInfo of the corpus: its signed attributes, as [0], and its signature. */
function partsOf(signedData: Buffer): { attributes: Der; signature: Buffer } {
  const [, explicit] = readSequence(decode(signedData, MAX), '', 2);
  const data = readSequence(readTagged(explicit, 0, '', 1)[0], '');
  const info = readSequence(readSet(data.at(-1), '', 1)[0], '', 6);
  return { attributes: info[3]!, signature: readOctetString(info[5], '') };
}

function signedDataOf(content: Uint8Array, attributes: readonly Der[], signature: Uint8Array): Buffer {
  const signerInfo = sequence(
    smallInteger(1),
    issuerAndSerial(cm1.certificate),
    algorithm(OID.sha256),
    tagged(0, ...attributes),
    algorithm(OID.ecdsaWithSha256),
    octetString(signature),
  );
  const encapsulated = sequence(oid(OID.data), tagged(0, octetString(content)));
  return encodeContentInfo(
    OID.signedData,
    sequence(smallInteger(1), setOf(algorithm(OID.sha256)), encapsulated, setOf(signerInfo)),
  );
}

const signed = partsOf(octetsOf('signed enclosed cm1'));

/** The input is put in the place of what was signed, with its own digest and the old signature. */
export const cmsForged: Target = {
  name: 'cms-forged',
  grammar: 'json',
  weight: 4,
  seeds: [command],
  run(input) {
    const attributes = readTagged(signed.attributes, 0, '').map((attribute) => {
      const [type] = readSequence(attribute, '', 2);
      const digest = octetString(createHash('sha256').update(input).digest());
      return readOid(type, '') === OID.messageDigest ? sequence(type!, setOf(digest)) : attribute;
    });
    // In the order of DER, whatever the digest is: the signature alone is to tell.
    const sorted = readSet(setOf(...attributes), '');
    return verdictOfAsync(() => verified(signedDataOf(input, sorted, signed.signature)), REFUSALS);
  },
};

/** The input is signed by a real member, so that what is said in it counts. */
export const cmsAttributes: Target = {
  name: 'cms-attributes',
  grammar: 'der',
  weight: 4,
  seeds: [encode(signed.attributes)],
  async run(input) {
    let signedData: Buffer | undefined;
    const built = verdictOf(() => {
      const attributes = decode(input, MAX).items ?? [];
      const signature = sign('sha256', encode(setOf(...attributes)), cm1.key);
      signedData = signedDataOf(command, attributes, signature);
    }, ['M4C_MALFORMED']);
    return signedData ? verdictOfAsync(() => verified(signedData!), REFUSALS) : built;
  },
};
