/**
 * Attacks on the port of a gateway for streams of other servers: by strangers, by who pretends to be a partner, and by a
 * partner who has gone bad. beta.test is a real domain at the level sso; gamma.test is played by hand at the level encrypted.
 *
 * Mutations seen red: a policy's check of the certificate left out; what stands behind STARTTLS not looked for; a partner that
 * may speak for any host.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import type { ErrorCode } from '@mom4c/core';
import {
  ALPHA,
  askBeta,
  BETA,
  DELTA,
  GAMMA,
  logInAsGamma,
  openAsBeta,
  openFederationRange,
} from '../support/federation-range.ts';
import type { FederationRange } from '../support/federation-range.ts';
import type { LogLine } from '../support/node-log.ts';
import { auth, connectByHand, connectTlsByHand, header, response, STARTTLS } from '../support/s2s-by-hand.ts';
import type { StreamByHand } from '../support/s2s-by-hand.ts';
import { settles } from '../support/settles.ts';

const LAB_MS = { timeout: 170_000 };
const TEST_MS = { timeout: 120_000 };
const SAML = Buffer.from(`n,a=${BETA},`).toString('base64');
const CM1 = `cm1@${ALPHA}/streams`;

let range: FederationRange;
/** Messages that should never have come. */
let forged = 0;

before(async () => {
  range = await openFederationRange();
  range.manager.session.onMessage(({ element }) => {
    if (element.attrs.id === 'forged') forged += 1;
  });
}, LAB_MS);

after(() => range?.down());

/** beta.test's own certificate, as far as the challenge: what comes then is for the authentication agents. */
async function honestBeta(): Promise<StreamByHand> {
  const stream = await openAsBeta(range, range.certificates.beta);
  await stream.take(/<mechanism>SAML20/);
  return stream;
}

let messages = 0;

/** A message of gamma's arrives, and what was refused before has not. */
async function arrives(stream: StreamByHand): Promise<void> {
  const id = `honest-${(messages += 1)}`;
  const seen = Promise.withResolvers<void>();
  const remove = range.manager.session.onMessage(({ element }) => {
    if (element.attrs.id === id) seen.resolve();
  });
  stream.send(`<message from='ann@${GAMMA}' to='${CM1}' id='${id}'><body>x</body></message>`);
  await settles(seen.promise, `the message ${id}`);
  remove();
  const before = forged;
  forged = 0;
  assert.equal(before, 0, 'something forged has come');
}

async function honestGamma(): Promise<void> {
  const stream = await logInAsGamma(range);
  await arrives(stream);
  stream.close();
}

/** There is a line about it. That nothing of it has arrived is seen when the next honest message has. */
async function refused(
  [what, from]: readonly [what: string, from: string],
  code: ErrorCode,
  attack: () => Promise<void>,
): Promise<void> {
  const mark = range.log.mark();
  await attack();
  await range.log.next(mark, `${code} for ${what}`, (line) => {
    // An honest connection that the test has given up is a line as well.
    const isGivenUp = line.detail === 'the peer closed the connection';
    return line.msg === 'refused' && line.code === code && line.from === from && !isGivenUp;
  });
}

/** The gateway says this, and ends the connection. */
async function toldAndEnded(stream: StreamByHand, told: RegExp): Promise<void> {
  await settles(stream.take(told), String(told));
  await settles(stream.ended, 'the end of the connection');
}

test(
  'a certificate of somebody else, or of another time, ends the stream before the log-in',
  TEST_MS,
  async () => {
    (await honestBeta()).close();
    const wrong = {
      none: undefined,
      'that of another partner': range.certificates.gamma,
      'our own': range.certificates.alpha,
      'one under another authority': await range.issueElsewhere(BETA),
    };
    for (const [what, own] of Object.entries(wrong))
      await refused([what, BETA], 'M4C_PARTNER_CERTIFICATE', async () => {
        await toldAndEnded(await openAsBeta(range, own), /<not-authorized/);
      });
    await honestGamma();
    const ofGamma = {
      expired: await range.issue({ validFor: 'yesterday' }),
      'not valid yet': await range.issue({ validFor: 'tomorrow' }),
      'for another host': await range.issue({ host: DELTA }),
      'under another authority': await range.issueElsewhere(GAMMA),
      none: undefined,
    };
    for (const [what, own] of Object.entries(ofGamma))
      await refused([what, GAMMA], 'M4C_PARTNER_CERTIFICATE', async () => {
        const stream = await connectTlsByHand(range.port, ALPHA, own);
        stream.send(header({ from: GAMMA, to: ALPHA }));
        await toldAndEnded(stream, /<not-authorized/);
      });
    await honestGamma();
  },
);

test('whoever is no partner is refused, and does not learn who is one', TEST_MS, async () => {
  const answers: string[] = [];
  for (const [host, code] of [
    [DELTA, 'M4C_PARTNER_UNKNOWN'],
    [BETA, 'M4C_PARTNER_CERTIFICATE'],
  ] as const)
    await refused(['a stranger', host], code, async () => {
      const stream = await connectTlsByHand(range.port, ALPHA, await range.issueElsewhere(host));
      stream.send(header({ from: host, to: ALPHA }));
      const [answer] = await stream.take(/<stream:stream .*<\/stream:stream>/s);
      answers.push(answer.replace(/ (?:id|to)="[^"]*"/g, ''));
    });
  assert.equal(answers[0], answers[1]);
  await refused(['a host that is not ours', BETA], 'M4C_PARTNER_ADDRESS', async () => {
    const stream = await connectTlsByHand(range.port, ALPHA, range.certificates.beta);
    stream.send(header({ from: BETA, to: DELTA }));
    await toldAndEnded(stream, /<host-unknown/);
  });
  await honestGamma();
});

test('a peer that does less than its level says is refused, and nothing falls back', TEST_MS, async () => {
  const forged = `<message from='ann@${BETA}' to='${CM1}' id='forged'/>`;
  const less: Readonly<Record<string, string>> = {
    EXTERNAL: auth('EXTERNAL', Buffer.from(BETA).toString('base64')),
    dialback: `<db:result from='${BETA}' to='${ALPHA}'>key</db:result>`,
    'no log-in at all': forged,
  };
  for (const [what, sent] of Object.entries(less))
    await refused([what, BETA], 'M4C_PARTNER_LEVEL', async () => {
      const stream = await honestBeta();
      stream.send(sent + forged);
      await settles(stream.ended, 'the end of the connection');
    });
  await refused(['TLS 1.2', BETA], 'M4C_PARTNER_LEVEL', async () => {
    const own = range.certificates.beta;
    const stream = await connectTlsByHand(range.port, ALPHA, own, { maxVersion: 'TLSv1.2' });
    stream.send(header({ from: BETA, to: ALPHA }));
    await toldAndEnded(stream, /<not-authorized/);
  });
  await refused(['STARTTLS', BETA], 'M4C_PARTNER_LEVEL', async () => {
    const stream = await connectByHand(range.port);
    stream.send(header({ from: BETA, to: ALPHA }));
    await stream.take(/<\/stream:features>/);
    stream.send(STARTTLS);
    await stream.take(/<proceed/);
    await stream.secure('client', { ...range.certificates.beta, servername: ALPHA });
    stream.send(header({ from: BETA, to: ALPHA }));
    await toldAndEnded(stream, /<not-authorized/);
  });
  for (const sent of [forged, auth('EXTERNAL', Buffer.from(GAMMA).toString('base64'))])
    await refused(['no TLS', GAMMA], 'M4C_PARTNER_LEVEL', async () => {
      const stream = await connectByHand(range.port);
      stream.send(header({ from: GAMMA, to: ALPHA }));
      await stream.take(/<\/stream:features>/);
      stream.send(sent);
      await toldAndEnded(stream, /<policy-violation/);
    });
  (await honestBeta()).close();
  await honestGamma();
});

test(
  'stanzas before the verdict, a second log-in, and what stands in clear behind STARTTLS, end the stream',
  TEST_MS,
  async () => {
    await honestGamma();
    await refused(['stanzas before the verdict', BETA], 'M4C_PARTNER_LEVEL', async () => {
      const stream = await honestBeta();
      stream.send(auth('SAML20', SAML));
      await stream.take(/<\/challenge>/);
      stream.send(`${response('PQ==')}<message from='ann@${BETA}' to='${CM1}' id='forged'/>`);
      await toldAndEnded(stream, /<not-authorized/);
    });
    await refused(['a log-in as another domain', BETA], 'M4C_PARTNER_ADDRESS', async () => {
      const stream = await honestBeta();
      stream.send(auth('SAML20', Buffer.from(`n,a=${GAMMA},`).toString('base64')));
      await toldAndEnded(stream, /<invalid-authzid/);
    });
    await refused(['what is pipelined', GAMMA], 'M4C_PARTNER_STREAM', async () => {
      const stream = await connectByHand(range.port);
      stream.send(header({ from: GAMMA, to: ALPHA }));
      await stream.take(/<\/stream:features>/);
      stream.send(`${STARTTLS}<message from='ann@${GAMMA}' to='${CM1}' id='forged'/>`);
      await toldAndEnded(stream, /<policy-violation/);
    });
    const twice = await logInAsGamma(range);
    await arrives(twice);
    await refused(['a second log-in', GAMMA], 'M4C_PARTNER_STREAM', async () => {
      twice.send(auth('EXTERNAL', Buffer.from(GAMMA).toString('base64')));
      await toldAndEnded(twice, /<unsupported-stanza-type/);
    });
    await honestGamma();
  },
);

test(
  'who has logged in speaks for itself, to us: else its stream ends, and the next one is as good as the first',
  TEST_MS,
  async () => {
    const forged: readonly (readonly [what: string, stanza: string, told: RegExp])[] = [
      ['another partner', `<message from='ann@${BETA}' to='${CM1}' id='forged'/>`, /<invalid-from/],
      ['one of us', `<message from='te1@${ALPHA}' to='${CM1}' id='forged'/>`, /<invalid-from/],
      ['a host below its own', `<message from='ann@x.${GAMMA}' to='${CM1}' id='forged'/>`, /<invalid-from/],
      ['nobody', `<message to='${CM1}' id='forged'/>`, /<improper-addressing/],
      [
        'to another partner',
        `<message from='ann@${GAMMA}' to='ann@${BETA}' id='forged'/>`,
        /<improper-addressing/,
      ],
      [
        'to a host that is not federated',
        `<message from='ann@${GAMMA}' to='x.${ALPHA}' id='forged'/>`,
        /<improper-addressing/,
      ],
    ];
    for (const [what, stanza, told] of forged) {
      const stream = await logInAsGamma(range);
      await arrives(stream);
      await refused([what, GAMMA], 'M4C_PARTNER_ADDRESS', async () => {
        stream.send(stanza);
        await toldAndEnded(stream, told);
      });
    }
    await honestGamma();
    await askBeta(range);
  },
);

/** Nine entities of ten each: a thousand million. */
const LAUGHS = `<!DOCTYPE x [<!ENTITY a "ha">${Array.from({ length: 9 }, (_, index) => `<!ENTITY ${String.fromCharCode(98 + index)} "${`&${String.fromCharCode(97 + index)};`.repeat(10)}">`).join('')}]>`;

test('billion laughs, and other XML that no stream may have, end the stream', TEST_MS, async () => {
  for (const sent of [LAUGHS, '<!-- x -->', '<?x y?>', '<message>&j;</message>', '<message></presence>']) {
    const what = sent.slice(0, 20);
    await refused([what, BETA], 'M4C_PARTNER_STREAM', async () => {
      const stream = await honestBeta();
      stream.send(sent);
      await toldAndEnded(stream, /<restricted-xml|<not-well-formed/);
    });
    const stream = await logInAsGamma(range);
    await arrives(stream);
    await refused([what, GAMMA], 'M4C_PARTNER_STREAM', async () => {
      stream.send(sent);
      await toldAndEnded(stream, /<restricted-xml|<not-well-formed/);
    });
  }
  await honestGamma();
});

test(
  'a stanza that is too large, too deep, or made to end another stream is dropped, and its own goes on',
  TEST_MS,
  async () => {
    const stream = await logInAsGamma(range);
    await arrives(stream);
    const message = (inside: string): string =>
      `<message from='ann@${GAMMA}' to='${CM1}' id='forged'>${inside}</message>`;
    const odd: readonly (readonly [what: string, inside: string, code: ErrorCode])[] = [
      ['large', `<body>${'x'.repeat(600_000)}</body>`, 'M4C_TOO_LARGE'],
      ['deep', `${'<a>'.repeat(50)}${'</a>'.repeat(50)}`, 'M4C_TOO_LARGE'],
      ['a prefix of nothing', '<p:x/>', 'M4C_MALFORMED'],
      ['an attribute twice', "<x xmlns:a='u' xmlns:b='u' a:y='1' b:y='2'/>", 'M4C_MALFORMED'],
      ['a name that is none', '<1/>', 'M4C_MALFORMED'],
    ];
    for (const [what, inside, code] of odd) {
      await refused([what, GAMMA], code, async () => stream.send(message(inside)));
      // On the same stream.
      await arrives(stream);
    }
    stream.close();
    await askBeta(range);
  },
);

test('connections that say nothing, or say it slowly, hold up nobody, and are cut off', TEST_MS, async () => {
  await honestGamma();
  const idle: StreamByHand[] = [];
  for (let count = 0; count < 40; count += 1) {
    const stream = await connectByHand(range.port);
    if (count % 2) stream.send('\x16\x03\x01\x02');
    idle.push(stream);
  }
  const slow = await connectByHand(range.port);
  const mark = range.log.mark();
  const drip = setInterval(() => slow.send('<'), 1_000);
  try {
    await askBeta(range);
    await honestGamma();
    for (const stream of [...idle, slow]) await settles(stream.ended, 'the end of the connection');
    const all = ({ msg, code }: LogLine): boolean => msg === 'refused' && code === 'M4C_PARTNER_STREAM';
    await range.log.next(mark, 'lines about ten of them', all, 10);
  } finally {
    clearInterval(drip);
  }
});

test('thousands of connections cost their sender his own, no memory, and nobody else', TEST_MS, async () => {
  await honestGamma();
  const before = residentOctets();
  const mark = range.log.mark();
  for (let wave = 0; wave < 14; wave += 1) {
    const many = await Promise.all(
      Array.from({ length: 150 }, () => connectByHand(range.port).catch(() => undefined)),
    );
    if (wave % 5 === 0) {
      await askBeta(range);
      await honestGamma();
    }
    for (const stream of many) stream?.close();
  }
  await honestGamma();
  const lines = range.log.since(mark).filter(({ msg }) => msg === 'refused');
  assert.ok(lines.length <= 210, `${lines.length} lines`);
  assert.ok(lines.some(({ code }) => code === 'M4C_BUSY'));
  const grown = residentOctets() - before;
  assert.ok(grown < 100 * 2 ** 20, `${grown} octets more`);
});

/** Of alpha's gateway. */
function residentOctets(): number {
  const { pid } = range.alpha.gateway.process!;
  const [, pages = '0'] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
  return Number(pages) * 4_096;
}

test('a partner that floods us with stanzas waits, and nobody else does', TEST_MS, async () => {
  const stream = await logInAsGamma(range);
  await arrives(stream);
  const flood =
    `<message from='ann@${GAMMA}' to='nobody@${ALPHA}'><body>${'x'.repeat(500)}</body></message>`.repeat(100);
  for (let count = 0; count < 100; count += 1) stream.send(flood);
  await askBeta(range);
  await arrives(stream);
  stream.close();
});
