// Mutations seen red: a refused answer that costs as a good one; nothing given back for a good one; a query or another form of
// handle let pass; PAOS by one header; fields twice, or unknown ones; method, type or the spelling of the URL not looked at;
// octets that are no UTF-8 replaced; details, or a bug, told to the client; a lack of room told as a refusal; a refusal not
// noted; the metadata of the start; no security headers; TLS 1.2 after a change of the certificate; a body of GET let pass.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { after, type TestContext, test } from 'node:test';
import { Mom4cError, silentLog, systemRandom } from '@mom4c/core';
import { fakeClock } from '../test-fakes.ts';
import { agentUrls } from '@mom4c/saml';
import { type EndpointSettings, serveEndpoints } from './endpoints.ts';

const PAOS = 'application/vnd.paos+xml';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const HANDLE = 'a'.repeat(43);
const folder = mkdtempSync(join(tmpdir(), 'mom4c-endpoints-'));
after(() => rmSync(folder, { recursive: true }));
const [first, second] = [credentials('first'), credentials('second')];

function credentials(name: string): { key: string; cert: string } {
  const file = (suffix: string): string => join(folder, `${name}.${suffix}`);
  const form = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`];
  execFileSync('openssl', [...form, '-keyout', file('key'), '-out', file('pem')], { stdio: 'pipe' });
  return { key: readFileSync(file('key'), 'utf8'), cert: readFileSync(file('pem'), 'utf8') };
}

type Answer = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly text: string };
type Ask = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly from?: string;
};

/** Endpoints whose relying party answers as it is told, and notes what it was asked; the clock stands still. */
async function setUp(context: TestContext) {
  const asked: unknown[][] = [];
  const refused: (readonly [string, string])[] = [];
  const bugs: object[] = [];
  const says: { answer: () => unknown; metadata: string } = { answer: () => undefined, metadata: '<m/>' };
  const note = (...what: unknown[]): never => {
    asked.push(what);
    return says.answer() as never;
  };
  const settings: EndpointSettings = {
    host: '127.0.0.1',
    port: 0,
    credentials: first,
    urls: agentUrls('https://gw.alpha.test/saml'),
    relyingParty: {
      start: (...what) => note('start', ...what),
      discovered: (...what) => note('discovered', ...what),
      consume: (answer) => note('consume', answer),
    },
    metadata: () => says.metadata,
    onRefused: ({ code }, from) => void refused.push([code, from]),
    log: { ...silentLog, error: (fields: object) => void bugs.push(fields) },
    clock: fakeClock(),
    random: systemRandom,
  };
  const endpoints = await serveEndpoints(settings);
  context.after(() => endpoints.stop());
  const ask = (path: string, { method, headers = {}, body, from = '127.0.0.1' }: Ask = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const asking = request(
        {
          ...{ host: '127.0.0.1', port: endpoints.port, path, headers, localAddress: from, agent: false },
          ...{ method: method ?? (body === undefined ? 'GET' : 'POST'), rejectUnauthorized: false },
        },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.on('end', () =>
            resolve({ status: response.statusCode!, headers: response.headers, text }),
          );
          response.on('error', reject);
        },
      );
      asking.on('error', reject);
      asking.end(body);
    });
  return { endpoints, ask, asked, refused, bugs, says };
}

const formOf = (fields: Readonly<Record<string, string>>): Ask => ({
  headers: FORM,
  body: new URLSearchParams(fields).toString(),
});
const packed = (text: string | Buffer): string => Buffer.from(text).toString('base64');

test('a log-in starts with its handle: a redirect for a browser, an envelope for who says both headers of PAOS', async (context) => {
  const { ask, asked, says } = await setUp(context);
  says.answer = () => ({ redirect: 'https://idp.test/sso?x' });
  const { status, headers, text } = await ask(`/saml/log-in/${HANDLE}`);
  assert.deepEqual([status, headers.location, text], [302, 'https://idp.test/sso?x', '']);
  for (const half of [{ accept: PAOS }, { paos: 'ver="x"' }, { paos: 'ver="x"', accept: 'text/html' }])
    await ask(`/saml/log-in/${HANDLE}`, { headers: half as Record<string, string> });
  assert.deepEqual(
    asked,
    Array.from({ length: 4 }, () => ['start', HANDLE, 'post']),
  );
  says.answer = () => ({ paos: '<e/>' });
  const offer = await ask(`/saml/log-in/${HANDLE}`, {
    headers: { accept: `text/html, ${PAOS};q=0.9`, paos: 'ver="x"' },
  });
  assert.deepEqual([offer.status, offer.headers['content-type'], offer.text], [200, PAOS, '<e/>']);
  assert.deepEqual(asked.at(-1), ['start', HANDLE, 'paos']);
});

test('what is no handle is not even looked up', async (context) => {
  const { ask, asked } = await setUp(context);
  for (const [path, status] of [
    ['/saml/log-in/', 404],
    [`/saml/log-in/${HANDLE}a`, 404],
    [`/saml/log-in/${HANDLE.slice(1)}`, 404],
    [`/saml/log-in/${HANDLE.slice(1)}.`, 404],
    [`/saml/log-in/${HANDLE}?`, 400],
    [`/saml/log-in/${HANDLE}?a=1`, 400],
    [`/saml/x/../log-in/${HANDLE}`, 400],
    [`/saml//log-in/${HANDLE}`, 404],
    ['/', 404],
  ] as const)
    assert.equal((await ask(path)).status, status, path);
  assert.deepEqual(asked, []);
});

test('the way back from discovery: a handle and at most one entity, each once', async (context) => {
  const { ask, asked, says } = await setUp(context);
  says.answer = () => ({ redirect: 'https://idp.test/' });
  const idp = 'https://idp.test/?a=b&c';
  const { status, headers } = await ask(
    `/saml/discovery?handle=${HANDLE}&entityID=${encodeURIComponent(idp)}`,
  );
  assert.deepEqual([status, headers.location], [302, 'https://idp.test/']);
  assert.equal((await ask(`/saml/discovery?handle=${HANDLE}`)).status, 302);
  assert.deepEqual(asked, [
    ['discovered', HANDLE, idp],
    ['discovered', HANDLE, undefined],
  ]);
  for (const [query, wrong] of [
    ['', 404],
    ['?entityID=x', 404],
    [`?handle=${HANDLE}&handle=${HANDLE}`, 400],
    [`?handle=${HANDLE}&entityID=a&entityID=b`, 400],
    [`?handle=${HANDLE}&other=1`, 400],
    [`?handle=${HANDLE}&entityID`, 400],
    [`?handle=${HANDLE}&entityID=%ff`, 400],
  ] as const)
    assert.equal((await ask(`/saml/discovery${query}`)).status, wrong, query);
  assert.equal(asked.length, 2);
});

test('the consumers hand on what was sent, decoded and whole', async (context) => {
  const { ask, asked } = await setUp(context);
  const text = '<r>\u6f22 &amp;</r>';
  const { status, text: said } = await ask(
    '/saml/assertion',
    formOf({ SAMLResponse: packed(text), RelayState: 'a b+c' }),
  );
  assert.deepEqual([status, said], [200, 'ok\n']);
  await ask('/saml/assertion', formOf({ SAMLResponse: packed(text).replace(/(.{4})/, '$1\r\n') }));
  await ask('/saml/assertion/paos', { headers: { 'content-type': `${PAOS}; charset=utf-8` }, body: text });
  assert.deepEqual(asked, [
    ['consume', { binding: 'post', text, relayState: 'a b+c' }],
    ['consume', { binding: 'post', text, relayState: undefined }],
    ['consume', { binding: 'paos', text, relayState: undefined }],
  ]);
});

test('what is no form of an answer never comes to the relying party', async (context) => {
  const { ask, asked } = await setUp(context);
  const good = formOf({ SAMLResponse: packed('<r/>') });
  const cases: readonly (readonly [number, string, Ask])[] = [
    [405, '/saml/assertion', {}],
    [405, '/saml/assertion', { ...good, method: 'PUT' }],
    [405, '/saml/metadata', good],
    [415, '/saml/assertion', { ...good, headers: { 'content-type': 'text/plain' } }],
    [415, '/saml/assertion', { ...good, headers: { ...FORM, 'content-encoding': 'gzip' } }],
    [415, '/saml/assertion/paos', good],
    [400, '/saml/assertion', { headers: FORM, body: '' }],
    [400, '/saml/assertion', { ...good, body: `${good.body}&${good.body}` }],
    [400, '/saml/assertion', { ...good, body: `${good.body}&x=1` }],
    [400, '/saml/assertion', formOf({ SAMLResponse: '<r/>' })],
    [400, '/saml/assertion', formOf({ SAMLResponse: packed('<r/>').slice(1) })],
    [400, '/saml/assertion', formOf({ SAMLResponse: packed(Buffer.from([0x3c, 0xff])) })],
    [413, '/saml/assertion', { headers: { ...FORM, 'content-length': '262145' }, method: 'POST' }],
    [400, '/saml/metadata', { method: 'GET', headers: { 'content-length': '1' }, body: 'x' }],
  ];
  for (const [index, [status, path, what]] of cases.entries()) {
    const answer = await ask(path, { ...what, from: `127.0.1.${index + 1}` });
    assert.equal(answer.status, status, `${index}: ${path}`);
    assert.equal(answer.text, '');
    if (status === 405) assert.equal(answer.headers.allow, path === '/saml/metadata' ? 'GET' : 'POST');
  }
  assert.deepEqual(asked, []);
});

test('a refusal says its code alone, a lack of room that it may pass, a bug nothing but its number', async (context) => {
  const { ask, refused, bugs, says } = await setUp(context);
  const good = formOf({ SAMLResponse: packed('<r/>') });
  says.answer = () => {
    throw new Mom4cError('M4C_ASSERTION_TIME', 'secret');
  };
  const denied = await ask('/saml/assertion', good);
  assert.deepEqual([denied.status, denied.text], [403, 'M4C_ASSERTION_TIME\n']);
  assert.deepEqual(refused, [['M4C_ASSERTION_TIME', '127.0.0.1']]);
  says.answer = () => {
    throw new Mom4cError('M4C_BUSY', 'secret');
  };
  assert.deepEqual(await ask('/saml/assertion', good).then(({ status, text }) => [status, text]), [
    503,
    'M4C_BUSY\n',
  ]);
  says.answer = () => {
    throw new TypeError('secret');
  };
  const bug = await ask('/saml/assertion', good);
  assert.equal(bug.status, 500);
  assert.match(bug.text, /^M4C_INTERNAL [0-9a-f-]{36}\n$/);
  assert.deepEqual([refused.length, bugs.length], [2, 1]);
});

test('the descriptor of this gateway, as it is now; and what every answer says of itself', async (context) => {
  const { ask, says } = await setUp(context);
  says.metadata = '<md:Entity/>';
  const own = await ask('/saml/metadata');
  assert.deepEqual(
    [own.status, own.headers['content-type'], own.text],
    [200, 'application/samlmetadata+xml', '<md:Entity/>'],
  );
  for (const { headers } of [own, await ask('/nothing'), await ask('/saml/assertion', formOf({ x: '1' }))]) {
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'");
    assert.equal(headers['strict-transport-security'], 'max-age=31536000');
  }
});

test('an answer that is refused costs ten times what a good one does, and takes nothing from others', async (context) => {
  const { ask, asked } = await setUp(context);
  const bad = formOf({ SAMLResponse: '<' });
  const good = formOf({ SAMLResponse: packed('<r/>') });
  const until429 = async (what: Ask, path = '/saml/assertion'): Promise<number> => {
    for (let count = 0; count < 100; count += 1) {
      const { status, headers } = await ask(path, what);
      if (status !== 429) continue;
      assert.deepEqual([headers['retry-after'], headers.connection], ['5', 'close']);
      return count;
    }
    return 100;
  };
  assert.equal(await until429({ ...bad, from: '127.0.0.2' }), 6);
  assert.equal(await until429({ ...good, from: '127.0.0.3' }), 51);
  assert.equal(
    await until429({ from: '127.0.0.3' }, '/saml/metadata'),
    9,
    'what was given back is there for others',
  );
  assert.equal(await until429({ ...good, from: '127.0.0.2' }), 0, 'not even a good one');
  assert.equal((await ask('/saml/assertion', good)).status, 200);
  assert.equal(asked.length, 52);
});

test('TLS 1.3 alone, and another certificate from the next connection on', async (context) => {
  const { endpoints } = await setUp(context);
  const shown = async (maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<TLSSocket> => {
    const { port } = endpoints;
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion });
    context.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  const isOf = (socket: TLSSocket, { cert }: typeof first): boolean =>
    socket.getPeerX509Certificate()!.raw.equals(new X509Certificate(cert).raw);
  const old = await shown('TLSv1.3');
  assert.ok(isOf(old, first));
  endpoints.useCredentials(second);
  assert.ok(isOf(await shown('TLSv1.3'), second));
  assert.ok(!old.destroyed);
  await assert.rejects(shown('TLSv1.2'));
});
