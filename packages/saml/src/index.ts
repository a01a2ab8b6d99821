export { agentUrls } from './agent-urls.ts';
export type { AgentUrls } from './agent-urls.ts';
export { readAuthnRequest, readRedirect, redirectUrl, writeAuthnRequest } from './authn-request.ts';
export type { AuthnRequest, Redirect } from './authn-request.ts';
export type { Assertion, Expected } from './assertion.ts';
export type { FederationMetadata, GatewayDescriptor, IdpDescriptor } from './descriptors.ts';
export { readForms } from './forms.ts';
export type { Form, LogInFields } from './forms.ts';
export { readMetadata, validAt } from './metadata-reader.ts';
export type { MetadataOptions } from './metadata-reader.ts';
export { writeGatewayDescriptor } from './metadata-writer.ts';
export {
  PAOS_HEADER,
  PAOS_MEDIA_TYPE,
  readIdpAnswer,
  readPaosRequest,
  readPaosResponse,
  writeIdpRequest,
  writePaosRequest,
  writePaosResponse,
} from './paos.ts';
export type { IdpAnswer, PaosRequest, PaosResponse } from './paos.ts';
export { readResponse, requestIdOf } from './response.ts';
export { hintsOf } from './response-hints.ts';
export type { ResponseHints } from './response-hints.ts';
export { signMetadata } from './sign-metadata.ts';
export type { Aggregate, MetadataSigner } from './sign-metadata.ts';
