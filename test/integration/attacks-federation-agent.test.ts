/**
 * Attacks on authentication agents, with a real SimpleSAMLphp: on the user by who wants its log-in elsewhere, on the
 * relying party by who has an assertion that is not for it, and on the endpoints by anybody. Each after its honest twin.
 *
 * Mutations seen red: the subject of an assertion not compared with the partner of the stream; a request not used up by its
 * answer, or a challenge by its visit; a challenge that outlives its stream; any certificate taken for that of an agent; the
 * binding of a request not compared.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent } from 'node:https';
import { after, before, test, type TestContext } from 'node:test';
import { connect as connectTcp } from 'node:net';
import type { ErrorCode } from '@mom4c/core';
import { PAOS_HEADER, PAOS_MEDIA_TYPE, redirectUrl, writeAuthnRequest, writePaosRequest } from '@mom4c/saml';
import { type AgentRange, createAgentRange, logIn } from '../support/agent-range.ts';
import type { RangeAgent } from '../support/range-agent.ts';
import { startHandMadeAgent, type HandMadeAnswer } from '../support/hand-made-agent.ts';
import { ask, type Asked } from '../support/https-ask.ts';
import { isError } from '../support/is-error.ts';
import { createNaiveUser, type Carried, type NaiveUser } from '../support/naive-user.ts';
import { settles } from '../support/settles.ts';

const [ALPHA, BETA, GAMMA] = ['alpha.test', 'beta.test', 'gamma.test'] as const;
const METHODS = ['ecp', 'form'] as const;
const elsewhere = isError('M4C_AGENT_ADDRESS');
let range: AgentRange;
let beta: RangeAgent;
let gamma: RangeAgent;
let naive: NaiveUser;

before(async () => {
  range = await createAgentRange([ALPHA, BETA, GAMMA]);
  beta = await range.start(BETA);
  gamma = await range.start(GAMMA);
  naive = createNaiveUser({ user: ALPHA, password: range.passwordOf(ALPHA) }, range.operator.idp.sso);
});
after(() => range?.stop());

async function startAlpha(context: TestContext, method: (typeof METHODS)[number]): Promise<RangeAgent> {
  const alpha = await range.start(ALPHA, { method });
  context.after(() => alpha.stop());
  return alpha;
}

let streams = 0;

type Waiting = { readonly url: string; readonly verdict: Promise<void>; readonly end: () => void };

/** A stream of `remote` at `party` that waits for its verdict. */
async function wait(context: TestContext, party = beta, remote: string = ALPHA): Promise<Waiting> {
  const ending = new AbortController();
  const { url, verdict } = await party.agent.verdicts.begin({
    stream: `h${(streams += 1)}`,
    pair: { local: party.domain, remote },
    authzid: remote,
    idp: range.operator.idp.entityId,
    signal: ending.signal,
  });
  context.after(() => ending.abort());
  return { url, verdict, end: () => ending.abort() };
}

/** The user of `alpha`, on a stream to beta, is handed this URL. */
function handOver(alpha: RangeAgent, url: string, remote: string = BETA): Promise<void> {
  const signal = AbortSignal.timeout(30_000);
  return alpha.agent.user.logIn({ url, pair: { local: ALPHA, remote }, stream: 'handed', signal });
}

function refusedWith({ status, text }: Asked, code: ErrorCode): void {
  assert.deepEqual({ status, text }, { status: 403, text: `${code}\n` });
}

test('a user goes to the pinned agent of the partner of its stream, and to no other place', async (context) => {
  for (const method of METHODS) {
    const alpha = await startAlpha(context, method);
    await logIn(alpha, beta);
    const { url } = await wait(context, gamma);
    const path = new URL(url).pathname;
    const betaOrigin = new URL(beta.descriptor.agentUrl).origin;
    for (const other of [
      url,
      url.replace('https:', 'http:'),
      `https://${new URL(betaOrigin).host}@${new URL(url).host}${path}`,
      `${betaOrigin}/elsewhere`,
      `${betaOrigin}/log-in/../assertion`,
      `${betaOrigin}/log-in/%2e%2e/assertion`,
      beta.descriptor.agentUrl.replace('127.0.0.1', 'localhost'),
    ])
      await assert.rejects(handOver(alpha, other), elsewhere, other);
    assert.equal((await ask(url)).status, 302, 'nobody was there');
    await logIn(alpha, beta);
    await alpha.stop();
  }
});

test('a user says nothing to an agent whose certificate is not the pinned one', async (context) => {
  const alpha = await startAlpha(context, 'ecp');
  const url = `${beta.descriptor.agentUrl}abc`;
  await beta.stop();
  context.after(async () => {
    beta = await range.start(BETA);
  });
  const honest = await startHandMadeAgent(url, range.issuedTo(BETA));
  await assert.rejects(handOver(alpha, url), isError('M4C_PARTNER_LOGIN', /404/));
  assert.deepEqual(honest.seen, ['GET /log-in/abc']);
  await honest.stop();
  const thief = await startHandMadeAgent(url, range.issuedTo(GAMMA));
  await assert.rejects(handOver(alpha, url), elsewhere);
  assert.deepEqual({ seen: thief.seen, connections: thief.connections }, { seen: [], connections: 1 });
  await thief.stop();
});

test('a user carries no request of another, to another, or for another identity provider', async (context) => {
  await beta.stop();
  const { entityId: issuer, consumerUrls, agentUrl } = beta.descriptor;
  const { sso } = range.operator.idp;
  const url = `${agentUrl}abc`;
  const agent = await startHandMadeAgent(url, range.issuedTo(BETA));
  context.after(async () => {
    await agent.stop();
    beta = await range.start(BETA);
  });
  const [post, paos] = ['post', 'paos'].map((binding) => {
    const consumerUrl = consumerUrls[binding as 'post' | 'paos'];
    return {
      id: '_1',
      issueInstant: Date.now(),
      issuer,
      destination: sso,
      consumerUrl,
      binding: binding as 'post' | 'paos',
    };
  }) as [Parameters<typeof writeAuthnRequest>[0], Parameters<typeof writeAuthnRequest>[0]];
  const redirect = (request: typeof post, to = sso): HandMadeAnswer => ({
    status: 302,
    headers: { location: redirectUrl(to, writeAuthnRequest(request), 'state') },
  });
  const envelope = (request: typeof paos, consumerUrl = consumerUrls.paos): HandMadeAnswer => ({
    status: 200,
    headers: { 'content-type': PAOS_MEDIA_TYPE },
    body: writePaosRequest({ request: writeAuthnRequest(request), consumerUrl, issuer, relayState: 'state' }),
  });
  const others = { issuer: gamma.descriptor.entityId, destination: 'https://127.0.0.1:1/sso' };
  const cases: Record<(typeof METHODS)[number], readonly HandMadeAnswer[]> = {
    form: [
      redirect({ ...post, issuer: others.issuer }),
      redirect({ ...post, consumerUrl: gamma.descriptor.consumerUrls.post }),
      redirect({ ...post, destination: others.destination }),
      redirect({ ...post, binding: 'paos' }),
      redirect(post, others.destination),
      redirect(post, `${sso}/x`),
      { status: 302, headers: { location: `${gamma.descriptor.agentUrl}abc` } },
    ],
    ecp: [
      envelope({ ...paos, issuer: others.issuer }),
      envelope({ ...paos, consumerUrl: gamma.descriptor.consumerUrls.paos }),
      envelope(paos, gamma.descriptor.consumerUrls.paos),
      envelope({ ...paos, destination: others.destination }),
      envelope({ ...paos, binding: 'post' }),
    ],
  };
  for (const method of METHODS) {
    const alpha = await startAlpha(context, method);
    const { password, session } = range.operator.logins();
    for (const [index, answer] of cases[method].entries()) {
      agent.answer = () => answer;
      await assert.rejects(handOver(alpha, url), elsewhere, `${method} ${index}`);
    }
    assert.deepEqual(
      { password, session },
      { password: range.operator.logins().password, session: range.operator.logins().session },
      'the identity provider was not asked',
    );
    const at = agent.seen.length;
    agent.answer = ({ method: verb }) =>
      verb === 'POST' ? { status: 200 } : method === 'ecp' ? envelope(paos) : redirect(post);
    await handOver(alpha, url);
    const consumer = new URL(consumerUrls[method === 'ecp' ? 'paos' : 'post']).pathname;
    assert.deepEqual(
      agent.seen.slice(at),
      ['GET /log-in/abc', `POST ${consumer}`],
      'the honest request is carried',
    );
    await alpha.stop();
  }
});

test('an assertion is good for its own request, and once', async (context) => {
  const honest = await wait(context);
  const carried = await naive.fetch(honest.url);
  assert.equal((await naive.bring(carried)).status, 200);
  await honest.verdict;
  refusedWith(await naive.bring(carried), 'M4C_ASSERTION_REQUEST');

  const [one, two] = [await wait(context), await wait(context)];
  const [first, second] = [await naive.fetch(one.url), await naive.fetch(two.url)];
  refusedWith(await naive.bring({ ...first, relayState: second.relayState }), 'M4C_ASSERTION_REQUEST');
  refusedWith(await naive.bring({ ...first, relayState: undefined }), 'M4C_ASSERTION_REQUEST');
  assert.equal((await naive.bring(second)).status, 200);
  await two.verdict;
  one.end();
  await assert.rejects(one.verdict, isError('M4C_PARTNER_STREAM'));
  refusedWith(await naive.bring(first), 'M4C_ASSERTION_REQUEST');
});

test('an assertion that answers nothing, or comes after a restart, is refused', async (context) => {
  const stream = await wait(context);
  const carried = await naive.fetch(stream.url);
  await beta.stop();
  await assert.rejects(stream.verdict, isError('M4C_PARTNER_STREAM'));
  beta = await range.start(BETA);
  refusedWith(await naive.bring(carried), 'M4C_ASSERTION_REQUEST');
  const again = await wait(context);
  assert.equal((await naive.bring(await naive.fetch(again.url))).status, 200);
  await again.verdict;
});

test('an assertion of one partner opens no stream of another', async (context) => {
  const stream = await wait(context, beta, GAMMA);
  refusedWith(await naive.bring(await naive.fetch(stream.url)), 'M4C_ASSERTION_SUBJECT');
  await assert.rejects(stream.verdict, isError('M4C_ASSERTION_SUBJECT'));
  const own = await wait(context);
  assert.equal((await naive.bring(await naive.fetch(own.url))).status, 200);
  await own.verdict;
});

test('an assertion that was changed, or was made for another relying party, is refused', async (context) => {
  /** @param answers is it known which request that answers? Then its stream ends. */
  const changed = async (
    change: (carried: Carried) => Carried,
    code: ErrorCode,
    { answers = true } = {},
  ): Promise<void> => {
    const stream = await wait(context);
    const carried = await naive.fetch(stream.url);
    refusedWith(await naive.bring(change(carried)), code);
    if (!answers) {
      assert.equal((await naive.bring(carried)).status, 200);
      await stream.verdict;
    } else await assert.rejects(stream.verdict, isError(code));
  };
  const replace = (from: string | RegExp, to: string) => (carried: Carried) => {
    const response = carried.response.replaceAll(from, to);
    assert.notEqual(response, carried.response, String(from));
    return { ...carried, response };
  };
  await changed(replace(`>${ALPHA}<`, `>${GAMMA}<`), 'M4C_ASSERTION_SIGNATURE');
  await changed(replace(/<ds:Signature.*?<\/ds:Signature>/gs, ''), 'M4C_ASSERTION_SIGNATURE');
  await changed(replace('</saml:NameID>', '<!-- x --></saml:NameID>'), 'M4C_ASSERTION_MALFORMED', {
    answers: false,
  });
  const toOther = await wait(context, gamma);
  const { response: foreign } = await naive.fetch(toOther.url);
  const idOf = (xml: string): string => /InResponseTo="([^"]+)"/.exec(xml)![1]!;
  await changed(({ response, ...rest }) => {
    const asked = idOf(response);
    return { ...rest, response: foreign.replaceAll(idOf(foreign), asked) };
  }, 'M4C_ASSERTION_SIGNATURE');
});

test('a challenge is good for one visit, and as long as its stream', async (context) => {
  const paos = { accept: PAOS_MEDIA_TYPE, paos: PAOS_HEADER };
  const stream = await wait(context);
  const { status, headers } = await ask(stream.url);
  assert.equal(status, 302);
  assert.ok(headers.location!.startsWith(`${range.operator.idp.sso}?`));
  refusedWith(await ask(stream.url), 'M4C_ASSERTION_REQUEST');
  refusedWith(await ask(stream.url, { headers: paos }), 'M4C_ASSERTION_REQUEST');
  const gone = await wait(context);
  gone.end();
  refusedWith(await ask(gone.url), 'M4C_ASSERTION_REQUEST');
  const guessed = stream.url.replace(/[^/]+$/, 'A'.repeat(43));
  refusedWith(await ask(guessed), 'M4C_ASSERTION_REQUEST');
});

test('what no user sends is refused, and nothing of it is sent back', async (context) => {
  const { post, paos } = beta.descriptor.consumerUrls;
  const { entityId, discoveryUrl, agentUrl } = beta.descriptor;
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const soap = { 'content-type': PAOS_MEDIA_TYPE };
  const mark = 'zaphodmark';
  const marked = Buffer.from(`<x>${mark}</x>`).toString('base64');
  const cases: readonly (readonly [number, Promise<Asked>])[] = [
    [404, ask(new URL(`/${mark}`, post).href)],
    [404, ask(`${agentUrl}${mark}`)],
    [404, ask(`${agentUrl}${'A'.repeat(43)}/x`)],
    [400, ask(`${agentUrl}${'A'.repeat(43)}?${mark}=1`)],
    [400, ask(post, { path: `https://${mark}.test/assertion` })],
    [400, ask(post, { path: '/x/../assertion' })],
    [400, ask(post, { path: `/${'x'.repeat(3000)}` })],
    [405, ask(post)],
    [405, ask(post, { method: 'PUT', headers: form, body: `SAMLResponse=${marked}` })],
    [405, ask(entityId, { method: 'POST', body: mark })],
    [405, ask(`${agentUrl}${'A'.repeat(43)}`, { method: 'HEAD' })],
    [415, ask(post, { headers: { 'content-type': 'text/xml' }, body: `<${mark}/>` })],
    [415, ask(post, { headers: { ...form, 'content-encoding': 'gzip' }, body: 'SAMLResponse=' })],
    [415, ask(paos, { headers: form, body: `SAMLResponse=${marked}` })],
    [413, ask(post, { method: 'POST', headers: { ...form, 'content-length': '300000' } })],
    [400, ask(post, { headers: form, body: '' })],
    [400, ask(post, { headers: form, body: `SAMLResponse=${marked}&SAMLResponse=${marked}` })],
    [400, ask(post, { headers: form, body: `SAMLResponse=${marked}&${mark}=1` })],
    [400, ask(post, { headers: form, body: `SAMLResponse=%zz` })],
    [400, ask(post, { headers: form, body: `SAMLResponse=<${mark}>` })],
    [400, ask(post, { headers: form, body: `SAMLResponse=${Buffer.from([0x3c, 0xff]).toString('base64')}` })],
    [400, ask(paos, { headers: soap, body: Buffer.from([0x3c, 0xff]) })],
    [400, ask(`${discoveryUrl}?handle=${'A'.repeat(43)}&handle=${'A'.repeat(43)}`)],
    [403, ask(post, { headers: form, body: `SAMLResponse=${encodeURIComponent(marked)}` })],
    [403, ask(paos, { headers: soap, body: `<x>${mark}</x>` })],
    [403, ask(paos, { headers: soap, body: `<!DOCTYPE x [<!ENTITY y "${mark}">]><x>&y;</x>` })],
    [403, ask(paos, { headers: soap, body: '<x>'.repeat(60_000) })],
    [403, ask(`${discoveryUrl}?handle=${'A'.repeat(43)}&entityID=${mark}`)],
  ];
  for (const [index, [status, asked]] of cases.entries()) {
    const answer = await asked;
    assert.equal(answer.status, status, `case ${index}`);
    assert.ok(!JSON.stringify(answer).includes(mark), `case ${index}`);
    assert.match(answer.text, /^(M4C_[A-Z_]+\n)?$/);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'");
  }
  const own = await ask(entityId);
  assert.equal(own.status, 200);
  assert.ok(own.text.includes(`entityID="${entityId}"`));
  await logIn(await startAlpha(context, 'ecp'), beta);
});

test('whoever asks too often, or keeps connections, takes nothing from the others', async (context) => {
  const alpha = await startAlpha(context, 'ecp');
  const { entityId } = beta.descriptor;
  const few = new Agent({ keepAlive: true, maxSockets: 4, localAddress: '127.0.0.2' });
  let status = 200;
  for (let asked = 0; status === 200 && asked < 10_000; asked += 20)
    for (const answer of await Promise.all(Array.from({ length: 20 }, () => ask(entityId, { agent: few }))))
      if (answer.status !== 200) ({ status } = answer);
  few.destroy();
  assert.equal(status, 429);
  await logIn(alpha, beta);

  const port = Number(new URL(entityId).port);
  const silent = await Promise.all(
    Array.from({ length: 120 }, async () => {
      const socket = connectTcp({ host: '127.0.0.1', port, localAddress: '127.0.0.3' });
      socket.on('error', () => {});
      const end = once(socket, 'close');
      await once(socket, 'connect');
      return { socket, end };
    }),
  );
  context.after(() => silent.forEach(({ socket }) => socket.destroy()));
  await logIn(alpha, beta);
  await settles(Promise.all(silent.map(({ end }) => end)), 'the end of all silent connections');
  await logIn(alpha, beta);
});

test('of one partner only so many log-ins wait, and those of others beside them', async (context) => {
  const waiting = [];
  for (let count = 0; count < 8; count += 1) waiting.push(await wait(context));
  await assert.rejects(wait(context), isError('M4C_BUSY'));
  await wait(context, beta, GAMMA);
  waiting[0]!.end();
  const last = await wait(context);
  assert.equal((await naive.bring(await naive.fetch(last.url))).status, 200);
  await last.verdict;
});
