export { type BusAuthority, createBusAuthority, type PemIdentity } from './bus-authority.ts';
export {
  type Authority,
  fromPem,
  readAuthority,
  readCertificate,
  toPem,
  verifyIssued,
} from './certificates.ts';
export { createOpener, createSealer } from './cms-seal.ts';
export { createSigner } from './cms-sign.ts';
export { createVerifier, type VerifierOptions } from './cms-verify.ts';
export { type AuthorityRequest, createAuthority, type IssueRequest, issueCertificate } from './issue.ts';
export {
  type Keystore,
  readEnrolmentKey,
  readKeystore,
  writeEnrolmentKey,
  writeKeystore,
} from './keystore.ts';
export {
  type CrlContent,
  type Revoked,
  writeCrl,
} from './crl.ts';
export { createLdapDirectory, type LdapDirectory } from './directory.ts';
export { type DirectoryOptions } from './directory-connection.ts';
export { createDirectoryPublisher, type DirectoryPublisher } from './directory-publisher.ts';
export {
  type GenerationStatement,
  MAX_GENERATION,
  MAX_GENERATION_STATEMENT,
  readGeneration,
  signGeneration,
} from './generation-statement.ts';
export { type Identity } from './identity.ts';
export {
  type CrlRequest,
  enroll,
  type EnrolRequest,
  fetchAuthority,
  fetchCrl,
  fetchGeneration,
  makeEnrolmentKey,
  pollEnrolment,
  renew,
  type RenewRequest,
} from './scep-client.ts';
export { ScepFault } from './scep-message.ts';
export { type CertificationRequest } from './scep-request.ts';
export { keyFingerprint, samePublicKey } from './scep-request.ts';
export {
  answerScep,
  SCEP_CAPABILITIES,
  type ScepAnswer,
  type ScepAuthority,
  type ScepPolicy,
  type ScepPoll,
  type ScepRequest,
} from './scep-server.ts';
