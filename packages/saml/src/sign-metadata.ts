/** What the operator of a federation does: one signed document of all its providers (SAML metadata, section 3). */
import { SignedXml } from 'xml-crypto';
import { NS } from './namespaces.ts';
import { markup } from './xml-text.ts';

export type Aggregate = {
  /** Of the federation. */
  readonly name: string;
  /** Unique for each edition: it begins with a letter or an underscore. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly validUntil: number;
  /** Milliseconds since 1970: an older edition of equal `validUntil` is told by it. */
  readonly createdAt: number;
  /** EntityDescriptors, without XML declarations. */
  readonly entities: readonly string[];
  /** Where the user chooses an identity provider. */
  readonly discovery?: string | undefined;
};

/** PEM. The key is RSA; who reads the metadata knows the certificate. */
export type MetadataSigner = { readonly key: string; readonly certificate: string };

const EXCLUSIVE = 'http://www.w3.org/2001/10/xml-exc-c14n#';
const ENVELOPED = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature';
const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256';
const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256';

/** For `readMetadata`. @returns an EntitiesDescriptor whose signature, its first child, covers it as a whole */
export function signMetadata(aggregate: Aggregate, signer: MetadataSigner): string {
  const { name, id, validUntil, createdAt, entities, discovery } = aggregate;
  const attributes = { ID: id, Name: name, validUntil: new Date(validUntil).toISOString() };
  const root = markup(
    'md:EntitiesDescriptor',
    { 'xmlns:md': NS.metadata, ...attributes },
    markup(
      'md:Extensions',
      {},
      publicationInfo(name, createdAt),
      ...(discovery === undefined ? [] : [discoveryService(discovery)]),
    ),
    ...entities,
  );
  const signed = new SignedXml({
    privateKey: signer.key,
    publicCert: signer.certificate,
    signatureAlgorithm: RSA_SHA256,
    canonicalizationAlgorithm: EXCLUSIVE,
  });
  signed.addReference({
    xpath: "/*[local-name()='EntitiesDescriptor']",
    transforms: [ENVELOPED, EXCLUSIVE],
    digestAlgorithm: SHA256,
  });
  signed.computeSignature(root, {
    prefix: 'ds',
    location: { reference: "/*[local-name()='EntitiesDescriptor']", action: 'prepend' },
  });
  return signed.getSignedXml();
}

function discoveryService(location: string): string {
  return markup('m4c:Discovery', { 'xmlns:m4c': NS.federation, location });
}

function publicationInfo(publisher: string, createdAt: number): string {
  const creationInstant = new Date(createdAt).toISOString();
  return markup('mdrpi:PublicationInfo', { 'xmlns:mdrpi': NS.publication, publisher, creationInstant });
}
