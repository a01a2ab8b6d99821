/**
 * GNU SASL, which others wrote, as the other side of SAML20 (RFC 6595): its client at our listener, its library as the
 * server of our initiator.
 *
 * Mutations seen red: an authorization identity that is not looked at; an empty response instead of `=`.
 */
import { openGsasl } from './federation-gsasl-matrix.ts';
import { testMatrix } from './federation-matrix.ts';

await testMatrix('gsasl', openGsasl);
