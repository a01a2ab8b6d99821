/** What the certificate authority is asked over HTTP. */
import { readTokenRequest } from '../../../apps/certificate-authority/src/admin-service.ts';
import { readScepQuery } from '../../../apps/certificate-authority/src/scep-query.ts';
import { octetsOf } from '../corpus.ts';
import type { Target } from '../target.ts';
import { verdictOf } from '../verdict.ts';

export const scepQuery: Target = {
  name: 'scep-query',
  grammar: 'text',
  weight: 8,
  seeds: [
    '/scep?operation=GetCACaps&message=ca',
    '/scep?operation=GetCACert',
    `/scep?operation=PKIOperation&message=${encodeURIComponent(octetsOf('scep enrolment').toString('base64'))}`,
    `/scep?operation=PKIOperation&message=${octetsOf('scep renewal').toString('base64')}`,
    '//alpha.test/scep',
    'http://alpha.test/scep?operation=GetCACert',
  ].map((line) => Buffer.from(line)),
  // HTTP hands the octets of the request line on as Latin-1.
  run: (input) => verdictOf(() => readScepQuery(Buffer.from(input).toString('latin1')), ['M4C_MALFORMED']),
};

export const tokenRequest: Target = {
  name: 'token-request',
  grammar: 'json',
  weight: 8,
  seeds: [
    { name: 'te1', role: 'te', ttl: '15m' },
    { name: 'admin', role: 'admin' },
  ].map((body) => Buffer.from(JSON.stringify(body))),
  run: (input) => verdictOf(() => readTokenRequest(Buffer.from(input)), ['M4C_BAD_ARGUMENTS']),
};
