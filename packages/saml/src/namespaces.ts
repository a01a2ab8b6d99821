/** Names of SAML 2.0, XML Signature and what else its messages are made of. */

export const NS = {
  assertion: 'urn:oasis:names:tc:SAML:2.0:assertion',
  protocol: 'urn:oasis:names:tc:SAML:2.0:protocol',
  metadata: 'urn:oasis:names:tc:SAML:2.0:metadata',
  ecp: 'urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp',
  /** Identity Provider Discovery Service Protocol and Profile. */
  discovery: 'urn:oasis:names:tc:SAML:profiles:SSO:idp-discovery-protocol',
  /** Metadata Extensions for Registration and Publication Information. */
  publication: 'urn:oasis:names:tc:SAML:metadata:rpi',
  /** Shibboleth's extension: for which domains an identity provider may speak. */
  scope: 'urn:mace:shibboleth:metadata:1.0',
  paos: 'urn:liberty:paos:2003-08',
  soap: 'http://schemas.xmlsoap.org/soap/envelope/',
  signature: 'http://www.w3.org/2000/09/xmldsig#',
  exclusive: 'http://www.w3.org/2001/10/xml-exc-c14n#',
  /** Ours: what S2S needs of a gateway. */
  federation: 'urn:mom4c:federation:1',
} as const;

export const BINDING = {
  redirect: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
  post: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
  soap: 'urn:oasis:names:tc:SAML:2.0:bindings:SOAP',
  paos: 'urn:oasis:names:tc:SAML:2.0:bindings:PAOS',
} as const;

export const STATUS_SUCCESS = 'urn:oasis:names:tc:SAML:2.0:status:Success';
export const STATUS_AUTHN_FAILED = 'urn:oasis:names:tc:SAML:2.0:status:AuthnFailed';
export const FORMAT_ENTITY = 'urn:oasis:names:tc:SAML:2.0:nameid-format:entity';
export const FORMAT_UNSPECIFIED = 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified';
export const METHOD_BEARER = 'urn:oasis:names:tc:SAML:2.0:cm:bearer';
/** Who reads a SOAP header of PAOS: the next one, that is the agent of the user (SAML profiles §4.2.4). */
export const ACTOR_NEXT = 'http://schemas.xmlsoap.org/soap/actor/next';
