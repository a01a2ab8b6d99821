/** Metadata of a gateway (SAML metadata §2.4.4), for whoever runs the federation and signs them all together. */
import type { GatewayDescriptor } from './descriptors.ts';
import { BINDING, FORMAT_UNSPECIFIED, NS } from './namespaces.ts';
import { escaped, markup } from './xml-text.ts';

/** @returns an EntityDescriptor, without XML declaration */
export function writeGatewayDescriptor(gateway: GatewayDescriptor): string {
  return markup(
    'md:EntityDescriptor',
    { 'xmlns:md': NS.metadata, entityID: gateway.entityId },
    markup('md:Extensions', {}, gatewayExtension(gateway)),
    markup(
      'md:SPSSODescriptor',
      { protocolSupportEnumeration: NS.protocol, AuthnRequestsSigned: 'false', WantAssertionsSigned: 'true' },
      ...(gateway.discoveryUrl === undefined
        ? []
        : [markup('md:Extensions', {}, discoveryResponse(gateway.discoveryUrl))]),
      ...gateway.certificates.map(keyDescriptor),
      markup('md:NameIDFormat', {}, FORMAT_UNSPECIFIED),
      consumer(BINDING.post, gateway.consumerUrls.post, 0),
      consumer(BINDING.paos, gateway.consumerUrls.paos, 1),
    ),
  );
}

function gatewayExtension({ domain, hosts, s2s, agentUrl }: GatewayDescriptor): string {
  return markup(
    'm4c:Gateway',
    { 'xmlns:m4c': NS.federation, domain, host: s2s?.host, port: s2s?.port, agent: agentUrl },
    ...hosts.map((host) => markup('m4c:Host', {}, escaped(host))),
  );
}

function discoveryResponse(url: string): string {
  return markup('idpdisc:DiscoveryResponse', {
    'xmlns:idpdisc': NS.discovery,
    Binding: NS.discovery,
    Location: url,
    index: 1,
  });
}

/** For signing only: an identity provider would encrypt assertions to a key for everything. */
function keyDescriptor(certificate: Uint8Array): string {
  return markup(
    'md:KeyDescriptor',
    { use: 'signing' },
    markup(
      'ds:KeyInfo',
      { 'xmlns:ds': NS.signature },
      markup(
        'ds:X509Data',
        {},
        markup('ds:X509Certificate', {}, Buffer.from(certificate).toString('base64')),
      ),
    ),
  );
}

function consumer(binding: string, url: string, index: number): string {
  return markup('md:AssertionConsumerService', {
    Binding: binding,
    Location: url,
    index,
    isDefault: index === 0 ? 'true' : undefined,
  });
}
