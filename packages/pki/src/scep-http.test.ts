// Mutation seen red: a redirect taken for an answer; no bound on the answer; the signal not handed on; 503 taken for a refusal.
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { MAX_CRL_OCTETS } from './scep-message.ts';
import { exchange, getBeside } from './scep-http.ts';
import { fault } from './test-domain.ts';

const never = new AbortController().signal;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let asked: (string | undefined)[] = [];
const server = createServer((request, response) => {
  asked.push(request.url);
  answer(request, response);
});
let url: string;

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/scep`;
});
beforeEach(() => (asked = []));
after(() => server.close());

const get = (signal = never) => exchange(url, 'GetCACert', undefined, signal);

test('what is sent gets there, and the octets of the answer come back', async () => {
  answer = (request, response) => {
    response.setHeader('x-type', request.headers['content-type'] ?? '');
    request.pipe(response);
  };
  const octets = Buffer.from([0, 128, 255]);
  assert.deepEqual(await exchange(url, 'PKIOperation', octets, never), octets);
  assert.deepEqual(asked, ['/scep?operation=PKIOperation']);
});

for (const [status, code] of [
  [302, 'M4C_CA_UNREACHABLE'],
  [404, 'M4C_CA_REFUSED'],
  [429, 'M4C_CA_UNREACHABLE'],
  [503, 'M4C_CA_UNREACHABLE'],
] as const)
  test(`status ${status} is ${code}, and nothing else is asked`, async () => {
    answer = (_request, response) => response.writeHead(status, { location: '/other' }).end('octets');
    await assert.rejects(get(), fault(code));
    assert.equal(asked.length, 1);
  });

test('an answer has a bound', async () => {
  const sending = (length: number) => (_request: IncomingMessage, response: ServerResponse) =>
    void response.end(Buffer.alloc(length));
  answer = sending(MAX_CRL_OCTETS);
  assert.equal((await get()).length, MAX_CRL_OCTETS);
  answer = sending(MAX_CRL_OCTETS + 1);
  await assert.rejects(get(), fault('M4C_CA_REFUSED'));
});

test('an answer that breaks off, and one that nobody waits for any more, is none', async () => {
  answer = (_request, response) => {
    response.writeHead(200, { 'content-length': 10 });
    response.write('half', () => response.destroy());
  };
  await assert.rejects(get(), fault('M4C_CA_UNREACHABLE'));

  const stop = new AbortController();
  answer = (_request, response) => {
    response.write('half', () => stop.abort());
  };
  await assert.rejects(get(stop.signal), fault('M4C_CA_UNREACHABLE'));
  await assert.rejects(get(AbortSignal.abort()), fault('M4C_CA_UNREACHABLE'));
});

test('what stands beside the service of SCEP is got there, or there is none', async () => {
  answer = (_request, response) => void response.end('octets');
  assert.deepEqual(await getBeside(url, 'generation', 6, never), Buffer.from('octets'));
  assert.deepEqual(asked, ['/generation']);
  await assert.rejects(getBeside(url, 'generation', 5, never), fault('M4C_CA_REFUSED'));
  answer = (_request, response) => response.writeHead(404).end();
  assert.equal(await getBeside(url, 'generation', 6, never), undefined);
  for (const [status, code] of [
    [302, 'M4C_CA_UNREACHABLE'],
    [403, 'M4C_CA_REFUSED'],
    [500, 'M4C_CA_UNREACHABLE'],
  ] as const) {
    answer = (_request, response) => response.writeHead(status, { location: '/other' }).end('octets');
    await assert.rejects(getBeside(url, 'generation', 6, never), fault(code));
  }
});
