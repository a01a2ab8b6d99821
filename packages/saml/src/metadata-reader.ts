/**
 * The metadata of a federation (SAML metadata §2.3): one flat, signed aggregate. Everything that is trusted between
 * domains comes from here, so that it has an end, and only what its signature covers is read.
 */
import { createHash } from 'node:crypto';
import type { Element } from '@xmldom/xmldom';
import { isDomain, Mom4cError, type ErrorCode } from '@mom4c/core';
import type { FederationMetadata, GatewayDescriptor, IdpDescriptor } from './descriptors.ts';
import {
  atMostOne,
  attributeOf,
  childrenNamed,
  childrenOf,
  isElement,
  mandatoryAttribute,
  MAX_URI,
  nameOf,
  rootOf,
  timeOf,
} from './elements.ts';
import { idpOf } from './idp-reader.ts';
import { certificatesOf, endOfAll, entityIdOf, isValid, roleOf } from './metadata-roles.ts';
import { BINDING, NS } from './namespaces.ts';
import { parseXml, type XmlLimits } from './restricted-xml.ts';
import { checkIds, verifiedOctets, type SigningKey } from './signed-element.ts';
import { certificateDer, signingKey } from './signing-key.ts';
import { isHttpsUrl } from './urls.ts';

/** For a federation of a thousand entities, with room to spare. */
export const METADATA_LIMITS: XmlLimits = {
  characters: 8 * 1024 * 1024,
  depth: 32,
  elements: 100_000,
  attributes: 32,
};
export const MAX_ENTITIES = 2_000;
const MAX_HOSTS = 64;
const CLOCK_SKEW_MS = 5 * 60 * 1000;
/** Metadata that are good for longer are as good as never revoked. */
export const MAX_VALIDITY_MS = 366 * 24 * 60 * 60 * 1000;

const CODE: ErrorCode = 'M4C_METADATA';
const CODES = { malformed: CODE, signature: CODE } as const;

export type MetadataOptions = {
  /** PEM certificates; their keys alone count. */
  readonly signers: readonly string[];
  /** Milliseconds. */
  readonly now: number;
};

/** @throws Mom4cError M4C_METADATA */
export function readMetadata(xml: string, options: MetadataOptions): FederationMetadata {
  const keys = options.signers.map(signerKey);
  const document = parseXml(xml, CODE, METADATA_LIMITS);
  const root = rootOf(document, NS.metadata, 'EntitiesDescriptor', CODE);
  checkIds(document, CODE);
  const octets = verifiedOctets(xml, root, keys, CODES);

  const signed = rootOf(parseXml(octets, CODE, METADATA_LIMITS), NS.metadata, 'EntitiesDescriptor', CODE);
  const validUntil = validityOf(signed, options.now);
  const entities = entitiesOf(signed).filter((entity) => isValid(entity, options.now));
  const idps: IdpDescriptor[] = [];
  const leftOut: { entityId: string; reason: string }[] = [];
  for (const entity of entities) {
    const role = roleOf(entity, 'IDPSSODescriptor', options.now);
    if (!role) continue;
    const idp = idpOf(entity, role);
    if (typeof idp === 'string') leftOut.push({ entityId: entityIdOf(entity), reason: idp });
    else idps.push(idp);
  }
  const gateways = entities.flatMap((entity) => gatewayOf(entity, options.now) ?? []);
  checkHosts(gateways);
  const discovery = discoveryOf(signed);
  const createdAt = creationOf(signed, options.now);
  return {
    idps,
    gateways,
    ...(discovery === undefined ? {} : { discovery }),
    validUntil,
    ...(createdAt === undefined ? {} : { createdAt }),
    digest: createHash('sha256').update(octets).digest('hex'),
    leftOut,
  };
}

function signerKey(pem: string): SigningKey {
  try {
    return signingKey(pem);
  } catch (cause) {
    throw new Mom4cError(CODE, 'a certificate of a signer cannot be used', { cause });
  }
}

function validityOf(root: Element, now: number): number {
  const validUntil = timeOf(root, 'validUntil', CODE);
  if (validUntil === undefined) throw new Mom4cError(CODE, 'without validUntil they would be good for ever');
  if (validUntil <= now) throw new Mom4cError(CODE, 'they have expired');
  if (validUntil - now > MAX_VALIDITY_MS)
    throw new Mom4cError(CODE, 'validUntil is more than 366 days ahead');
  return validUntil;
}

/** Metadata extension for registration and publication information, §2.2. */
function creationOf(root: Element, now: number): number | undefined {
  const extensions = atMostOne(root, NS.metadata, 'Extensions', CODE);
  const publication = extensions && atMostOne(extensions, NS.publication, 'PublicationInfo', CODE);
  const createdAt = publication && timeOf(publication, 'creationInstant', CODE);
  // Once taken, it would keep all honest ones out.
  if (createdAt !== undefined && createdAt > now + CLOCK_SKEW_MS)
    throw new Mom4cError(CODE, 'they are from the future');
  return createdAt;
}

function entitiesOf(root: Element): readonly Element[] {
  const entities: Element[] = [];
  const seen = new Set<string>();
  for (const child of childrenOf(root, CODE)) {
    if (isElement(child, NS.metadata, 'Extensions')) continue;
    if (!isElement(child, NS.metadata, 'EntityDescriptor'))
      throw new Mom4cError(CODE, `${child.localName} in EntitiesDescriptor; only flat aggregates are read`);
    const entityId = entityIdOf(child);
    if (seen.has(entityId)) throw new Mom4cError(CODE, `two entities are named ${entityId}`);
    seen.add(entityId);
    entities.push(child);
  }
  if (entities.length > MAX_ENTITIES) throw new Mom4cError(CODE, `more than ${MAX_ENTITIES} entities`);
  return entities;
}

/** @returns undefined if the entity is no gateway. */
function gatewayOf(entity: Element, now: number): GatewayDescriptor | undefined {
  const extensions = atMostOne(entity, NS.metadata, 'Extensions', CODE);
  const gateway = extensions && atMostOne(extensions, NS.federation, 'Gateway', CODE);
  if (!gateway) return undefined;
  const entityId = entityIdOf(entity);
  const role = roleOf(entity, 'SPSSODescriptor', now);
  if (!role) throw new Mom4cError(CODE, `${entityId} has no SPSSODescriptor`);
  const domain = domainOf(mandatoryAttribute(gateway, 'domain', 253, CODE));
  const hosts = childrenOf(gateway, CODE).map((host) => {
    if (!isElement(host, NS.federation, 'Host')) throw new Mom4cError(CODE, `${host.localName} in Gateway`);
    return domainOf(nameOf(host, 253, CODE));
  });
  if (!hosts.includes(domain) || hosts.length > MAX_HOSTS)
    throw new Mom4cError(CODE, `the hosts of ${entityId} lack its domain, or are more than ${MAX_HOSTS}`);
  const certificates = certificatesOf(role).map((certificate) => gatewayCertificate(certificate, entityId));
  if (certificates.length === 0) throw new Mom4cError(CODE, `${entityId} has no certificate`);
  const roleExtensions = atMostOne(role, NS.metadata, 'Extensions', CODE);
  const discovery = roleExtensions && atMostOne(roleExtensions, NS.discovery, 'DiscoveryResponse', CODE);
  return {
    domain,
    hosts,
    entityId,
    certificates,
    s2s: addressOf(gateway),
    agentUrl: urlOf(gateway, 'agent'),
    consumerUrls: { post: consumerOf(role, BINDING.post), paos: consumerOf(role, BINDING.paos) },
    ...(discovery ? { discoveryUrl: urlOf(discovery, 'Location') } : {}),
    ...endOfAll(entity, role),
  };
}

function gatewayCertificate(base64: string, entityId: string): Uint8Array {
  try {
    signingKey(base64);
    return new Uint8Array(certificateDer(base64));
  } catch (cause) {
    throw new Mom4cError(CODE, `a certificate of ${entityId} cannot be used`, { cause });
  }
}

function addressOf(gateway: Element): GatewayDescriptor['s2s'] {
  const host = attributeOf(gateway, 'host', 253, CODE);
  const port = attributeOf(gateway, 'port', 5, CODE);
  if (host === undefined && port === undefined) return undefined;
  if (host === undefined || !/^[A-Za-z0-9:.-]+$/.test(host))
    throw new Mom4cError(CODE, 'the host of a gateway is none');
  const number = /^[1-9][0-9]*$/.test(port ?? '') ? Number(port) : 0;
  if (number < 1 || number > 65_535) throw new Mom4cError(CODE, 'the port of a gateway is none');
  return { host, port: number };
}

function consumerOf(role: Element, binding: string): string {
  const found = childrenNamed(role, NS.metadata, 'AssertionConsumerService', CODE).filter(
    (service) => attributeOf(service, 'Binding', MAX_URI, CODE) === binding,
  );
  if (found.length !== 1) throw new Mom4cError(CODE, `a gateway has not exactly one consumer for ${binding}`);
  return urlOf(found[0]!, 'Location');
}

function urlOf(element: Element, name: string): string {
  const url = mandatoryAttribute(element, name, MAX_URI, CODE);
  if (!isHttpsUrl(url)) throw new Mom4cError(CODE, `${name} of ${element.localName} is no plain https URL`);
  return url;
}

function domainOf(text: string): string {
  if (!isDomain(text)) throw new Mom4cError(CODE, 'a host of a gateway is no domain name');
  return text;
}

/** A host belongs to one gateway: else two could speak for it. */
function checkHosts(gateways: readonly GatewayDescriptor[]): void {
  const seen = new Set<string>();
  for (const host of gateways.flatMap(({ hosts }) => hosts)) {
    if (seen.has(host)) throw new Mom4cError(CODE, `${host} stands twice among the hosts of gateways`);
    seen.add(host);
  }
}

function discoveryOf(root: Element): string | undefined {
  const extensions = atMostOne(root, NS.metadata, 'Extensions', CODE);
  const discovery = extensions && atMostOne(extensions, NS.federation, 'Discovery', CODE);
  return discovery && urlOf(discovery, 'location');
}

/** @returns without the entities that have ended since they were read */
export function validAt(metadata: FederationMetadata, now: number): FederationMetadata {
  const isGood = ({ validUntil = Infinity }: { validUntil?: number | undefined }): boolean =>
    validUntil > now;
  return {
    ...metadata,
    idps: metadata.idps.filter(isGood),
    gateways: metadata.gateways.filter(isGood),
  };
}
