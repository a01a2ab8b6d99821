/** Every codec that takes octets from outside. */
import type { Target } from './target.ts';
import { agentAnswer } from './targets/agent-answer.ts';
import { authorityCertificate, certificate, pem } from './targets/certificate.ts';
import { cmsSealedEc, cmsSealedRsa } from './targets/cms-sealed.ts';
import {
  cmsAttributes,
  cmsDetached,
  cmsDetachedContent,
  cmsForged,
  cmsSigned,
} from './targets/cms-signed.ts';
import { der } from './targets/der.ts';
import { directoryAnswer } from './targets/directory.ts';
import { configuration, floorFile, tokenFile } from './targets/files.ts';
import { scepQuery, tokenRequest } from './targets/http-requests.ts';
import { keystore, keystoreSafe } from './targets/keystore.ts';
import { address, duration } from './targets/names.ts';
import { payload } from './targets/payload.ts';
import { postbox } from './targets/postbox.ts';
import { s2sDialback, s2sSaml } from './targets/s2s-receiver.ts';
import {
  certificationRequest,
  certificationRequestInfo,
  scepAnswer,
  scepCertificates,
  scepEnvelope,
  scepEnvelopeEc,
  scepNames,
  scepRequest,
} from './targets/scep.ts';
import {
  htmlForms,
  samlAnswer,
  samlAssertion,
  samlEnvelope,
  samlMetadata,
  samlRedirect,
  samlResponse,
} from './targets/saml.ts';
import { stanzaParser } from './targets/stanza-parser.ts';
import { challengeAddress, cookieJar } from './targets/user.ts';

export const TARGETS: readonly Target[] = [
  stanzaParser,
  s2sSaml,
  s2sDialback,
  payload,
  postbox,
  der,
  cmsSigned,
  cmsDetached,
  cmsDetachedContent,
  cmsForged,
  cmsAttributes,
  cmsSealedEc,
  cmsSealedRsa,
  certificate,
  authorityCertificate,
  pem,
  scepRequest,
  scepAnswer,
  scepEnvelope,
  scepEnvelopeEc,
  scepCertificates,
  scepNames,
  certificationRequest,
  certificationRequestInfo,
  keystore,
  keystoreSafe,
  directoryAnswer,
  agentAnswer,
  scepQuery,
  tokenRequest,
  floorFile,
  tokenFile,
  configuration,
  address,
  duration,
  samlResponse,
  samlAssertion,
  samlMetadata,
  samlEnvelope,
  samlAnswer,
  samlRedirect,
  htmlForms,
  cookieJar,
  challengeAddress,
];

/** @throws Error if there is none of that name */
export function chosenTargets(names: readonly string[]): Target[] {
  return names.map((name) => {
    const target = TARGETS.find((each) => each.name === name);
    if (!target)
      throw new Error(`no target ${name}; there are ${TARGETS.map((each) => each.name).join(', ')}`);
    return target;
  });
}
