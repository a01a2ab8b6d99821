/**
 * What a member of a federation, or who serves its metadata, may try against a running gateway: an identity provider that
 * vouches for the domain of others, editions that were signed once and are old, entities that have ended.
 *
 * Mutations seen red: scopes and names not asked at all, or not of the answer; the end of an entity not told.
 */
import assert from 'node:assert/strict';
import { createPrivateKey, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Mom4cError, systemClock, type ErrorCode } from '@mom4c/core';
import { startLab, type Lab } from '@mom4c/lab';
import { signMetadata } from '@mom4c/saml';
import { openNodeLog, type NodeLog } from '../support/node-log.ts';
import { createOpensslAuthority, type Issued } from '../support/openssl-authority.ts';
import { honestResponse, type SamlSigner } from '../support/saml-forge.ts';
import { challengeAt, createInitiator, type Answered } from '../support/saml-initiator.ts';

const [ALPHA, BETA] = ['alpha.test', 'beta.test'] as const;
const SECOND = 'https://second.test/metadata';
const MINUTE = 60_000;
let folder: string;
let lab: Lab;
let log: NodeLog;
let issued: Issued;
/** Of the operator: the lab's identity provider, and both gateways. */
let entities: { readonly first: string; readonly gateways: readonly string[] };
let keys: Readonly<Record<string, SamlSigner>>;
let edition = 0;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-metadata-attacks-'));
  // By ejabberd, where one connection carries all hosts: the gateway is told of partners here whom its server does not know.
  lab = await startLab({ folder, domains: [ALPHA, BETA], server: 'ejabberd', idp: true, executors: 0 });
  await lab.domain(ALPHA).gateway.stop();
  log = openNodeLog(lab.domain(BETA).gateway.process!.logFile);
  issued = createOpensslAuthority(folder).issue('second', 'DNS:second.test');
  const operator = join(folder, 'federation', 'operator');
  const descriptors = readdirSync(join(operator, 'descriptors')).toSorted();
  entities = {
    first:
      /<md:EntityDescriptor [^>]*entityID="[^"]*"(?:(?!<\/md:EntityDescriptor>).)*<md:IDPSSODescriptor.*?<\/md:EntityDescriptor>/s.exec(
        readFileSync(lab.federation.files.metadata, 'utf8'),
      )![0],
    gateways: descriptors.map((file) => readFileSync(join(operator, 'descriptors', file), 'utf8')),
  };
  keys = {
    [lab.idp.entityId]: { key: createPrivateKey(readFileSync(join(operator, 'idp-signing.key'))) },
    [SECOND]: { key: createPrivateKey(issued.key) },
  };
});
after(async () => {
  await lab?.down();
  rmSync(folder, { recursive: true, force: true });
});

/** A second identity provider of the federation, with what its operator lets it speak for. */
function second(...scopes: readonly string[]): string {
  const certificate = issued.cert.replace(/-----[A-Z ]+-----|\s/g, '');
  const extensions = scopes.map((scope) => `<s:Scope regexp="false">${scope}</s:Scope>`).join('');
  return (
    `<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${SECOND}">` +
    '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">' +
    `<md:Extensions xmlns:s="urn:mace:shibboleth:metadata:1.0">${extensions}</md:Extensions>` +
    '<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>' +
    `<ds:X509Certificate>${certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>` +
    '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://second.test/sso"/>' +
    '</md:IDPSSODescriptor></md:EntityDescriptor>'
  );
}

/** Signed by the operator, each edition after the one before. @returns what is published */
async function publish(...published: readonly string[]): Promise<string> {
  edition += 1;
  const operator = join(folder, 'federation', 'operator');
  const now = systemClock.now();
  const text = signMetadata(
    {
      name: 'federation.test',
      id: `_${randomUUID()}`,
      validUntil: now + 300 * 24 * 60 * MINUTE + edition,
      createdAt: now,
      entities: published,
    },
    {
      key: readFileSync(join(operator, 'metadata-signing.key'), 'utf8'),
      certificate: readFileSync(lab.federation.files.signer, 'utf8'),
    },
  );
  await serve(text, 'metadata of the federation taken');
  return text;
}

/** Resolves when beta's gateway has said `line` of it. */
async function serve(text: string, line: string): Promise<void> {
  const mark = log.mark();
  const { metadata } = lab.federation.files;
  writeFileSync(`${metadata}.new`, text);
  renameSync(`${metadata}.new`, metadata);
  await log.next(mark, line, ({ msg }) => msg === line);
}

/** As alpha, whose key it has; the identity provider says what alpha wants. @param meanwhile before the answer is brought */
async function logIn(idp: string, meanwhile: () => Promise<unknown> = async () => {}): Promise<void> {
  const alpha = createInitiator(lab.domain(ALPHA), lab.domain(BETA), idp);
  const stream = await alpha.logIn(async (url): Promise<Answered> => {
    const challenge = await challengeAt(url);
    await meanwhile();
    const { issuer: audience, consumerUrl: recipient, id: requestId } = challenge.request;
    const claims = {
      audience,
      recipient,
      requestId,
      now: systemClock.now(),
      assertionId: `_${randomUUID()}`,
    };
    return challenge.bring(honestResponse({ ...claims, issuer: idp, subject: ALPHA }, keys[idp]!));
  });
  await stream.close();
}

/** The gateway says why in its log. */
async function refused(code: ErrorCode, detail: RegExp, attack: () => Promise<void>): Promise<void> {
  const mark = log.mark();
  await assert.rejects(attack(), (error) => error instanceof Mom4cError);
  await log.next(mark, code, (line) => line.code === code && detail.test(line.detail ?? ''));
}

test('an identity provider vouches for nobody outside of its scopes, also if they came while it was asked', async () => {
  const { first, gateways } = entities;
  await publish(first, second(), ...gateways);
  await logIn(SECOND);
  await publish(first, second('gamma.test', 'test', 'x.alpha.test'), ...gateways);
  await refused('M4C_PARTNER_LOGIN', /may not vouch for alpha/, () => logIn(SECOND));
  await logIn(lab.idp.entityId);
  await publish(first, second('gamma.test', ALPHA), ...gateways);
  await logIn(SECOND);
  await refused('M4C_ASSERTION_SUBJECT', /may not vouch/, () =>
    logIn(SECOND, () => publish(first, second('gamma.test'), ...gateways)),
  );
});

test('an edition that was signed once, and whose place another has taken, brings nothing back', async () => {
  const { first, gateways } = entities;
  const old = await publish(first, second(ALPHA), ...gateways);
  await logIn(SECOND);
  await publish(first, ...gateways);
  await serve(old, 'metadata of the federation cannot be used');
  await refused('M4C_PARTNER_LOGIN', /not one of the federation/, () => logIn(SECOND));
  await logIn(lab.idp.entityId);
});

test('a gateway whose entity has ended is a stranger from then on', async () => {
  const { first, gateways } = entities;
  const end = new Date(systemClock.now() + 8_000).toISOString();
  const ending = gateways.map((text) =>
    text.includes(`domain="${ALPHA}"`) ? text.replace(' entityID=', ` validUntil="${end}" entityID=`) : text,
  );
  assert.notDeepEqual(ending, gateways);
  const mark = log.mark();
  await publish(first, ...ending);
  await logIn(lab.idp.entityId);
  await log.next(mark, 'the end', ({ msg }) => msg === 'entities of the federation have ended');
  await refused('M4C_METADATA', /no certificate of alpha/, () => logIn(lab.idp.entityId));
  await publish(first, ...gateways);
  await logIn(lab.idp.entityId);
});

test('an identity provider that is named for others vouches for nobody else, nor one that is not named', async () => {
  const { first, gateways } = entities;
  const { gateway } = lab.domain(BETA);
  await publish(first, second(), ...gateways);
  const own = { domain: ALPHA, level: 'sso' };
  for (const [partners, good, bad] of [
    [[{ ...own, identityProviders: [lab.idp.entityId] }], lab.idp.entityId, SECOND],
    [[own, { domain: 'gamma.test', level: 'sso', identityProviders: [SECOND] }], lab.idp.entityId, SECOND],
    [[{ ...own, identityProviders: [SECOND] }], SECOND, lab.idp.entityId],
  ] as const) {
    await gateway.change(() => ({ partners }));
    log = openNodeLog(gateway.process!.logFile);
    await logIn(good);
    await refused('M4C_PARTNER_LOGIN', /may not vouch for alpha/, () => logIn(bad));
  }
});
