/**
 * Assertions brought to a running gateway by a partner made by hand, which has the certificate of its domain: forged, wrapped,
 * stolen, replayed, old, for others. The honest ones are of the lab's SimpleSAMLphp, or are signed with its key. After each attack
 * the honest twin logs in.
 *
 * Mutation seen red: the subject not compared with the stream; assertions not remembered as used; the relay state not compared;
 * attributes not asked for.
 */
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { Mom4cError, systemClock, type ErrorCode } from '@mom4c/core';
import { startLab, whenWritten, type Lab } from '@mom4c/lab';
import {
  CLAIMS,
  MARKUP,
  paosAround,
  SIGNATURES,
  WRAPPING,
  type SamlAttack,
} from '../support/saml-attacks.ts';
import { ANY_SERVER } from '../support/any-server.ts';
import { honestResponse, type Claims, type SamlSigner } from '../support/saml-forge.ts';
import {
  accountOf,
  answerByIdp,
  ask,
  challengeAt,
  createInitiator,
  post,
  type Answered,
  type Challenge,
  type Initiator,
} from '../support/saml-initiator.ts';
import { openNodeLog, type LogLine } from '../support/node-log.ts';

const [ALPHA, BETA] = ['alpha.test', 'beta.test'] as const;
let folder: string;
let lab: Lab;
let alpha: Initiator;
let idp: SamlSigner;
let own: SamlSigner;
let assertions = 0;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-assertions-'));
  lab = await startLab({ folder, domains: [ALPHA, BETA], server: ANY_SERVER, idp: true, executors: 0 });
  await lab.domain(ALPHA).gateway.stop();
  alpha = createInitiator(lab.domain(ALPHA), lab.domain(BETA), lab.idp.entityId);
  idp = { key: createPrivateKey(readFileSync(join(folder, 'federation', 'operator', 'idp-signing.key'))) };
  own = { key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey };
});
after(async () => {
  await lab?.down();
  rmSync(folder, { recursive: true, force: true });
});

/** What the identity provider would say to this request. */
function claimsFor({ request }: Challenge, subject: string = ALPHA): Claims {
  assertions += 1;
  return {
    issuer: lab.idp.entityId,
    subject,
    audience: request.issuer,
    recipient: request.consumerUrl,
    requestId: request.id,
    now: systemClock.now(),
    assertionId: `_assertion${assertions}`,
  };
}

/** Logs in with an honest answer, and out. */
async function honest(): Promise<void> {
  const stream = await alpha.logIn(async (url) => {
    const challenge = await challengeAt(url);
    const answer = await challenge.bring(honestResponse(claimsFor(challenge), idp));
    assert.equal(answer.status, 200, answer.text);
  });
  await stream.close();
}

/** The stream is refused, and so is the answer, with this code, in the log of the gateway. */
async function refused(code: ErrorCode, bring: (url: string) => Promise<Answered>): Promise<void> {
  const log = openNodeLog(lab.domain(BETA).gateway.process!.logFile);
  const mark = log.mark();
  let answer: Answered | undefined;
  await assert.rejects(
    alpha.logIn(async (url) => {
      answer = await bring(url);
    }),
    (thrown) => thrown instanceof Mom4cError && thrown.code === 'M4C_PARTNER_LOGIN',
  );
  assert.equal(answer?.text, `${code}\n`);
  assert.equal(answer.status, 403);
  await told(mark, code);
}

/** In a line of its own, or with others in the line that ends the period. */
async function told(mark: number, code: ErrorCode): Promise<void> {
  const file = lab.domain(BETA).gateway.process!.logFile;
  const isIt = (line: LogLine): boolean => line.msg.startsWith('refused') && line.code === code;
  await whenWritten(file, code, () => openNodeLog(file).since(mark).find(isIt));
}

async function tries(context: TestContext, attacks: readonly SamlAttack[]): Promise<void> {
  for (const { name, code, make } of attacks)
    await context.test(name, async () => {
      await refused(code, async (url) => {
        const challenge = await challengeAt(url);
        return challenge.bring(make({ claims: claimsFor(challenge), idp, own, self: BETA }));
      });
      await honest();
    });
}

const named = (attacks: readonly SamlAttack[], ...names: readonly string[]): readonly SamlAttack[] =>
  names.map((name) => attacks.find((attack) => attack.name === name) ?? assert.fail(`no attack ${name}`));

test('the honest answer of the real identity provider, and of its key, log in', async () => {
  const account = accountOf(lab, ALPHA);
  const stream = await alpha.logIn(async (url) => {
    const answer = await answerByIdp(url, account);
    assert.equal(answer.status, 200, answer.text);
  });
  await stream.close();
  await honest();
  for (const change of [
    (response: string) => response.replace(`>${ALPHA}<`, `>${BETA}<`),
    (response: string) => response.replace(/<ds:Signature .*?<\/ds:Signature>/gs, ''),
  ])
    await refused('M4C_ASSERTION_SIGNATURE', (url) => answerByIdp(url, account, change));
});

test('a wrapped assertion opens no stream, in none of the eight known ways and more', (context) =>
  tries(context, WRAPPING));

test('what the identity provider has not signed opens no stream', (context) =>
  tries(
    context,
    named(
      SIGNATURES,
      'unsigned',
      'only the response is signed',
      'signed with another key',
      'signed with SHA-1',
      'the subject changed after signing',
    ),
  ));

test('what is signed for others, for another time or another request opens no stream', (context) =>
  tries(
    context,
    named(
      CLAIMS,
      'expired',
      'not yet valid',
      'another audience',
      'another recipient',
      'the assertion answers another request',
      'two assertions, both honest',
      'the log-in has failed',
    ),
  ));

test('markup that is read in two ways is refused, and disturbs no log-in', async () => {
  const attacks = named(
    MARKUP,
    'a document type',
    'entities in entities (billion laughs)',
    '<!--x--> inside of the NameID',
    '<?x y?> inside of the NameID',
    '<![CDATA[.evil.test]]> inside of the NameID',
    'deep',
  );
  const mark = openNodeLog(lab.domain(BETA).gateway.process!.logFile).mark();
  const stream = await alpha.logIn(async (url) => {
    const challenge = await challengeAt(url);
    const claims = claimsFor(challenge);
    for (const { name, make } of attacks) {
      const { text } = await challenge.bring(make({ claims, idp, own, self: BETA }));
      assert.equal(text, 'M4C_ASSERTION_MALFORMED\n', name);
    }
    assert.equal((await challenge.bring(honestResponse(claims, idp))).status, 200);
  });
  await stream.close();
  await told(mark, 'M4C_ASSERTION_MALFORMED');
});

test('the honest assertion of another domain, to a request that was stolen, opens no stream', async () => {
  for (const thief of [BETA, 'gamma.test']) {
    await refused('M4C_ASSERTION_SUBJECT', async (url) => {
      const challenge = await challengeAt(url);
      return challenge.bring(honestResponse(claimsFor(challenge, thief), idp));
    });
    await honest();
  }
});

test('an answer is good once, and so is an assertion, also on another stream and after a restart', async () => {
  let used: Claims | undefined;
  let again: (() => Promise<Answered>) | undefined;
  const stream = await alpha.logIn(async (url) => {
    const challenge = await challengeAt(url);
    used = claimsFor(challenge);
    const answer = honestResponse(used, idp);
    again = () => challenge.bring(answer);
    assert.equal((await again()).status, 200);
  });
  const { text } = await again!();
  assert.equal(text, 'M4C_ASSERTION_REQUEST\n');
  await stream.close();
  const onAnotherStream = (): Promise<void> =>
    refused('M4C_ASSERTION_REPLAY', async (url) => {
      const challenge = await challengeAt(url);
      const fresh = claimsFor(challenge);
      return challenge.bring(honestResponse({ ...fresh, assertionId: used!.assertionId }, idp));
    });
  await onAnotherStream();
  await honest();
  await lab.domain(BETA).gateway.change(() => ({}));
  await onAnotherStream();
  await honest();
});

test('an answer that no stream waits for is refused, and disturbs no log-in', async () => {
  const stream = await alpha.logIn(async (url) => {
    const challenge = await challengeAt(url);
    const { consumerUrl } = challenge.request;
    const right = honestResponse(claimsFor(challenge), idp);
    const injected = { ...claimsFor(challenge), requestId: '_nobody' };
    for (const answer of [
      await post(consumerUrl, honestResponse(injected, idp), challenge.relayState),
      await post(consumerUrl, right, 'another'),
    ])
      assert.equal(answer.text, 'M4C_ASSERTION_REQUEST\n');
    assert.equal((await challenge.bring(right)).status, 200, 'the one that waits is not disturbed');
  });
  await stream.close();
});

test('an answer at the wrong consumer is refused, and disturbs no log-in', async () => {
  const stream = await alpha.logIn(async (url) => {
    const challenge = await challengeAt(url);
    const right = honestResponse(claimsFor(challenge), idp);
    const paos = `${challenge.request.consumerUrl}/paos`;
    const types = { form: 'application/x-www-form-urlencoded', paos: 'application/vnd.paos+xml' };
    const body = `SAMLResponse=${encodeURIComponent(Buffer.from(right).toString('base64'))}&RelayState=${challenge.relayState}`;
    assert.equal((await ask(paos, { 'content-type': types.form }, body)).status, 415);
    assert.equal(
      (await ask(paos, { 'content-type': types.paos }, paosAround(right))).text,
      'M4C_ASSERTION_REQUEST\n',
    );
    assert.equal((await challenge.bring(right)).status, 200);
  });
  await stream.close();
});

test('giant and slow answers hold up nobody', async () => {
  const stream = await alpha.logIn(async (url) => {
    const challenge = await challengeAt(url);
    const { consumerUrl } = challenge.request;
    const { hostname, port, pathname } = new URL(consumerUrl);
    const giant = await ask(
      consumerUrl,
      { 'content-type': 'application/x-www-form-urlencoded' },
      'x'.repeat(300_000),
    ).catch((error: NodeJS.ErrnoException) => error.code);
    assert.ok(
      giant === 'ECONNRESET' || giant === 'EPIPE' || (typeof giant === 'object' && giant.status === 413),
    );
    const slow = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false });
    slow.on('error', () => {});
    await once(slow, 'secureConnect');
    let said = '';
    slow.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const ended = once(slow, 'close');
    const head = ['Host: agent', 'Content-Type: application/x-www-form-urlencoded', 'Content-Length: 1000'];
    slow.write(`POST ${pathname} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\nSAML`);
    assert.equal((await challenge.bring(honestResponse(claimsFor(challenge), idp))).status, 200);
    await ended;
    assert.match(said, /^HTTP\/1\.1 408 /);
  });
  await stream.close();
});

test('an assertion without the attributes of the policy opens no stream', async () => {
  await lab.domain(BETA).gateway.change(() => ({
    partners: [{ domain: ALPHA, level: 'sso', attributes: { role: ['gateway'] } }],
  }));
  const say = async (url: string, attributes: Claims['attributes']): Promise<Answered> => {
    const challenge = await challengeAt(url);
    return challenge.bring(honestResponse({ ...claimsFor(challenge), attributes }, idp));
  };
  for (const attributes of [undefined, { role: ['user'] }, { other: ['gateway'] }])
    await refused('M4C_ASSERTION_ATTRIBUTES', (url) => say(url, attributes));
  const stream = await alpha.logIn((url) => say(url, { role: ['user', 'gateway'] }));
  await stream.close();
});
