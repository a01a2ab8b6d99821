// Mutations seen red: the form of a signature not checked; the end of an entity not kept, or not looked at; scopes of the role not
// read; patterns taken as names, or as no scope; metadata from the future taken.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import {
  readMetadata,
  validAt,
  writeGatewayDescriptor,
  type FederationMetadata,
  type GatewayDescriptor,
} from '@mom4c/saml';
import { canonical, signatureText, type SamlSigner, type SignatureParts } from '../support/saml-forge.ts';
import { testKey } from './test-keys.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const DAY = 86_400_000;
const MD = 'urn:oasis:names:tc:SAML:2.0:metadata';
const operator = await testKey();
const other = await testKey();
const gatewayKey = await testKey('ec');

const gateway = (domain: string): GatewayDescriptor => ({
  domain,
  hosts: [domain, `conference.${domain}`],
  entityId: `https://gateway.${domain}/sp`,
  certificates: [new Uint8Array(Buffer.from(gatewayKey.certificate, 'base64'))],
  s2s: { host: `gateway.${domain}`, port: 5270 },
  agentUrl: `https://gateway.${domain}/agent/`,
  consumerUrls: { post: `https://gateway.${domain}/acs`, paos: `https://gateway.${domain}/paos` },
  discoveryUrl: `https://gateway.${domain}/discovered`,
});
const ALPHA = gateway('alpha.test');

const IDP =
  `<md:EntityDescriptor entityID="https://idp.test/"><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
  `<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>\n${operator.certificate}\n</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>` +
  `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.test/sso"></md:SingleSignOnService>` +
  `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="https://idp.test/ecp"></md:SingleSignOnService>` +
  `</md:IDPSSODescriptor></md:EntityDescriptor>`;

const entity = (descriptor: GatewayDescriptor): string =>
  canonical(writeGatewayDescriptor(descriptor)).replace(` xmlns:md="${MD}"`, '');

type Edition = {
  attributes: string;
  inside: string;
  signer: SamlSigner;
  change: (parts: SignatureParts) => void;
};

/** Signed by hand. */
function metadata(changed: Partial<Edition> = {}): string {
  const { attributes, inside, signer, change }: Edition = {
    attributes: ` ID="_m" validUntil="${new Date(NOW + DAY).toISOString()}"`,
    inside: IDP + entity(ALPHA),
    signer: operator,
    change: () => {},
    ...changed,
  };
  const start = `<md:EntitiesDescriptor xmlns:md="${MD}"${attributes}>`;
  const end = `${inside}</md:EntitiesDescriptor>`;
  return start + signatureText(start + end, '_m', signer, change) + end;
}

const read = (xml: string, signers = [operator.certificatePem], now = NOW): FederationMetadata =>
  readMetadata(xml, { signers, now });
const refuses = (xml: string, detail: RegExp, signers?: string[], now?: number): void =>
  assert.throws(
    () => read(xml, signers, now),
    (thrown) => {
      assert.ok(thrown instanceof Mom4cError && thrown.code === 'M4C_METADATA', String(thrown));
      assert.match(thrown.detail ?? '', detail);
      return true;
    },
  );

test('a federation of an identity provider and a gateway, as its operator signed it', () => {
  const { digest, ...rest } = read(metadata());
  assert.match(digest, /^[0-9a-f]{64}$/);
  assert.deepEqual(rest, {
    idps: [
      {
        entityId: 'https://idp.test/',
        signingCertificates: [operator.certificate],
        sso: { redirect: 'https://idp.test/sso', soap: 'https://idp.test/ecp' },
      },
    ],
    gateways: [ALPHA],
    validUntil: NOW + DAY,
    leftOut: [],
  });
});

test('every field of a gateway comes back as it was written', () => {
  const plain: GatewayDescriptor = {
    ...ALPHA,
    s2s: undefined,
    certificates: [...ALPHA.certificates, new Uint8Array(Buffer.from(other.certificate, 'base64'))],
  };
  delete (plain as { discoveryUrl?: string }).discoveryUrl;
  for (const descriptor of [ALPHA, plain])
    assert.deepEqual(read(metadata({ inside: entity(descriptor) })).gateways, [descriptor]);
});

test('any signer that is pinned, by its key, and nobody else', () => {
  assert.ok(read(metadata(), [other.certificatePem, operator.certificatePem]));
  assert.ok(read(metadata({ signer: { key: operator.key } })), 'without KeyInfo');
  refuses(metadata(), /pinned key/, [other.certificatePem]);
  refuses(metadata({ signer: { key: other.key, certificate: other.certificate } }), /pinned key/);
  refuses(metadata(), /no key/, []);
  refuses(metadata(), /certificate of a signer/, ['nothing']);
});

test('signed as a whole, as it is, and by nothing weaker', () => {
  refuses(metadata().replace(/<ds:Signature .*<\/ds:Signature>/, ''), /not signed/);
  refuses(metadata().replace('5270', '5271'), /pinned key/);
  refuses(metadata({ signer: { ...operator, hash: 'sha1' } }), /not accepted/);
  refuses(metadata({ change: (parts) => void (parts.uri = '') }), /reference/);
  refuses(metadata().replace('ID="_m"', 'ID="_n"'), /reference/);
  const one = entity(ALPHA).replace(
    '<md:EntityDescriptor ',
    `<md:EntityDescriptor xmlns:md="${MD}" ID="_m" `,
  );
  const signed = one.replace('>', `>${signatureText(canonical(one), '_m', operator)}`);
  refuses(
    `<md:EntitiesDescriptor xmlns:md="${MD}" validUntil="${new Date(NOW + DAY).toISOString()}">${signed}</md:EntitiesDescriptor>`,
    /not signed/,
  );
  refuses(`<!DOCTYPE a>${metadata()}`, /document type/);
  refuses(signed, /root/);
});

test('they have an end, and not too far away', () => {
  const until = (time: number): string =>
    metadata({ attributes: ` ID="_m" validUntil="${new Date(time).toISOString()}"` });
  assert.equal(read(until(NOW + 1)).validUntil, NOW + 1);
  refuses(until(NOW), /expired/);
  assert.ok(read(until(NOW + 366 * DAY)));
  refuses(until(NOW + 366 * DAY + 1), /366 days/);
  refuses(metadata({ attributes: ' ID="_m"' }), /validUntil/);
  refuses(metadata({ attributes: ' ID="_m" validUntil="2026-03-02T12:00:00"' }), /UTC/);
});

test('an entity or a role that has expired is not there', () => {
  const past = `validUntil="${new Date(NOW - 1).toISOString()}"`;
  assert.deepEqual(
    read(metadata({ inside: IDP.replace('.test/">', `.test/" ${past}>`) + entity(ALPHA) })).idps,
    [],
  );
  assert.deepEqual(read(metadata({ inside: IDP.replace('protocol">', `protocol" ${past}>`) })).idps, []);
  assert.deepEqual(read(metadata({ inside: entity(ALPHA).replace('/sp">', `/sp" ${past}>`) })).gateways, []);
});

test('what ends while it is known says so, and is left out from then on', () => {
  const until = (ms: number): string => `validUntil="${new Date(NOW + ms).toISOString()}"`;
  const short = IDP.replace('.test/">', `.test/" ${until(3)}>`).replace(
    'protocol">',
    `protocol" ${until(2)}>`,
  );
  const found = read(metadata({ inside: short + entity(ALPHA).replace('/sp">', `/sp" ${until(1)}>`) }));
  assert.deepEqual([found.idps[0]?.validUntil, found.gateways[0]?.validUntil], [NOW + 2, NOW + 1]);
  const left = (now: number): number[] => {
    const { idps, gateways } = validAt(found, now);
    return [idps.length, gateways.length];
  };
  assert.deepEqual(
    [left(NOW), left(NOW + 1), left(NOW + 2)],
    [
      [1, 1],
      [1, 0],
      [0, 0],
    ],
  );
  assert.deepEqual(validAt(read(metadata()), NOW + 2 * DAY).gateways, [ALPHA]);
});

test('the scopes of an identity provider: of the role and of the entity, and no patterns', () => {
  const scoped = (ofRole: string, ofEntity = ''): readonly string[] | undefined => {
    const extensions = (text: string): string => `<md:Extensions>${text}</md:Extensions>`;
    const inside = IDP.replace('protocol">', `protocol">${extensions(ofRole)}`).replace(
      '.test/">',
      `.test/">${extensions(ofEntity)}`,
    );
    return read(metadata({ inside })).idps[0]?.scopes;
  };
  const scope = (text: string, attributes = ''): string =>
    `<shibmd:Scope xmlns:shibmd="urn:mace:shibboleth:metadata:1.0"${attributes}>${text}</shibmd:Scope>`;
  assert.equal(scoped(''), undefined);
  assert.deepEqual(
    scoped(scope('alpha.test', ' regexp="false"') + scope('Beta.Test'), scope('gamma.test'))?.toSorted(),
    ['alpha.test', 'beta.test', 'gamma.test'],
  );
  for (const regexp of ['true', '1', 'maybe'])
    assert.deepEqual(scoped(scope('alpha.test', ` regexp="${regexp}"`)), [], regexp);
});

test('when they were made, where they say so, and not in the future', () => {
  const made = (time: number): string => {
    const info = `<mdrpi:PublicationInfo xmlns:mdrpi="urn:oasis:names:tc:SAML:metadata:rpi" creationInstant="${new Date(time).toISOString()}" publisher="f.test"></mdrpi:PublicationInfo>`;
    return metadata({ inside: `<md:Extensions>${info}</md:Extensions>${IDP}` });
  };
  assert.equal(read(made(NOW - DAY)).createdAt, NOW - DAY);
  assert.equal(read(metadata()).createdAt, undefined);
  assert.equal(read(made(NOW + 300_000)).createdAt, NOW + 300_000);
  refuses(made(NOW + 300_001), /future/);
});

test('an identity provider that cannot be used is left out, and named', () => {
  for (const [from, to] of [
    [operator.certificate, 'AAAA'],
    [/<md:KeyDescriptor.*<\/md:KeyDescriptor>/s, ''],
    ['use="signing"', 'use="encryption"'],
    [/Location="https:/g, 'Location="http:'],
    [/Binding="[^"]*"/g, 'Binding="urn:other"'],
  ] as const) {
    const changed = IDP.replace(from, to);
    assert.notEqual(changed, IDP);
    const { idps, leftOut, gateways } = read(metadata({ inside: changed + entity(ALPHA) }));
    assert.deepEqual(idps, []);
    assert.deepEqual(
      leftOut.map(({ entityId }) => entityId),
      ['https://idp.test/'],
    );
    assert.equal(gateways.length, 1);
  }
});

test('entities of others, and what we do not know, are passed over', () => {
  const stranger = `<md:EntityDescriptor entityID="https://sp.other.test/"><md:Extensions><x:y xmlns:x="urn:x"></x:y></md:Extensions><md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"></md:SPSSODescriptor></md:EntityDescriptor>`;
  const discovery = `<md:Extensions><m4c:Discovery xmlns:m4c="urn:mom4c:federation:1" location="https://discovery.test/"></m4c:Discovery></md:Extensions>`;
  const { gateways, discovery: url } = read(metadata({ inside: discovery + IDP + stranger + entity(ALPHA) }));
  assert.equal(gateways.length, 1);
  assert.equal(url, 'https://discovery.test/');
});

test('what is said of a gateway is right, or all are refused', () => {
  const right = entity(ALPHA);
  for (const [from, to, detail] of [
    [' domain="alpha.test"', '', /no domain/],
    ['domain="alpha.test"', 'domain="Alpha.test"', /no domain name/],
    ['domain="alpha.test"', 'domain="other.test"', /lack its domain/],
    [
      '<m4c:Host>alpha.test</m4c:Host>',
      '<m4c:Host>alpha.test</m4c:Host><m4c:Host>a b</m4c:Host>',
      /no domain name/,
    ],
    [
      '<m4c:Host>alpha.test</m4c:Host>',
      '<m4c:Host>alpha.test</m4c:Host><m4c:Other></m4c:Other>',
      /Other in Gateway/,
    ],
    ['<m4c:Host>alpha.test</m4c:Host>', '<m4c:Host>alpha.test</m4c:Host>'.repeat(2), /twice/],
    [
      '<m4c:Host>alpha.test</m4c:Host>',
      Array.from({ length: 64 }, (_, at) => `<m4c:Host>h${at}.test</m4c:Host>`).join(''),
      /lack its domain/,
    ],
    ['port="5270"', 'port="0"', /port/],
    ['port="5270"', 'port="65536"', /port/],
    [' port="5270"', '', /port/],
    [' host="gateway.alpha.test"', '', /host/],
    ['host="gateway.alpha.test"', 'host="a b"', /host/],
    ['agent="https:', 'agent="http:', /https/],
    [' agent="https://gateway', ' agent="https://user@gateway', /https/],
    ['bindings:PAOS', 'bindings:HTTP-POST', /consumer/],
    [/<md:KeyDescriptor.*<\/md:KeyDescriptor>/, '', /no certificate/],
    [gatewayKey.certificate, 'AAAA', /cannot be used/],
    ['SAML:2.0:protocol"', 'SAML:1.1:protocol"', /SPSSODescriptor/],
  ] as const) {
    const changed = right.replace(from, to);
    assert.notEqual(changed, right, String(from));
    refuses(metadata({ inside: changed }), detail);
  }
});

test('two gateways for one host, two entities of one name, aggregates in aggregates', () => {
  assert.equal(read(metadata({ inside: entity(ALPHA) + entity(gateway('beta.test')) })).gateways.length, 2);
  const impostor = { ...gateway('beta.test'), hosts: ['beta.test', 'conference.alpha.test'] };
  refuses(metadata({ inside: entity(ALPHA) + entity(impostor) }), /conference\.alpha\.test stands twice/);
  refuses(metadata({ inside: IDP + IDP }), /two entities/);
  refuses(metadata({ inside: `<md:EntitiesDescriptor>${IDP}</md:EntitiesDescriptor>` }), /flat/);
});

test('too many do not', () => {
  const tiny = (count: number): string =>
    Array.from(
      { length: count },
      (_, at) => `<md:EntityDescriptor entityID="e${at}"></md:EntityDescriptor>`,
    ).join('');
  assert.deepEqual(read(metadata({ inside: tiny(2_000) })).idps, []);
  refuses(metadata({ inside: tiny(2_001) }), /2000 entities/);
  refuses(' '.repeat(8 * 1024 * 1024 + 1), /characters/);
});
