// Mutation seen red: see each test's own line. Whole log-ins are in login.test.ts and test/integration/xmpp-password.test.ts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createScram } from './sasl-scram.ts';
import { isError } from './test-fakes.ts';

/** The example of RFC 7677 §3. */
const NONCE = 'rOprNGfwEbeRWgbNEkqO';
const SALT = 'W22ZaJ0SNY7soEsUEjb6gQ==';
const COMBINED = `${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0`;
const SERVER_FIRST = `r=${COMBINED},s=${SALT},i=4096`;
const SERVER_FINAL = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=';

const start = () => createScram('user@alpha.test', 'pencil', { bytes: () => Buffer.from(NONCE, 'base64') });

// Red with any of the strings, keys or the order in `prove` changed.
test('the example of RFC 7677', async () => {
  const scram = start();
  assert.equal(scram.first(), `n,,n=user,r=${NONCE}`);
  assert.equal(
    await scram.answer(SERVER_FIRST),
    `c=biws,r=${COMBINED},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`,
  );
  scram.finish(SERVER_FINAL);
});

// Red with `check` left out of `answer`, or not answering ''.
test('the last word of the server may come as a challenge', async () => {
  const scram = start();
  await scram.answer(SERVER_FIRST);
  assert.equal(await scram.answer(`${SERVER_FINAL},x=later`), '');
  scram.finish(undefined);
});

// Red with: `timingSafeEqual` left out; the state not looked at in `finish`; `data` not required there.
test('a server that does not prove that it knows the password is not believed', async () => {
  const forged = `v=${Buffer.alloc(32).toString('base64')}`;
  const noProof = isError('M4C_XMPP_LOGIN', /did not prove/);
  for (const final of [forged, undefined, '', 'e=other-error', 'v=', `${SERVER_FINAL}x`]) {
    const scram = start();
    await scram.answer(SERVER_FIRST);
    assert.throws(() => scram.finish(final), noProof, String(final));
  }
  assert.throws(() => start().finish(SERVER_FINAL), noProof, 'before it has asked');
  const proved = start();
  await proved.answer(SERVER_FIRST);
  proved.finish(SERVER_FINAL);
  assert.throws(() => proved.finish(SERVER_FINAL), noProof, 'a second time');
});

// Red with: the prefix, its length, either bound of the iterations, or MAX_MESSAGE not looked at; `m` allowed in
// SERVER_FIRST; the state `deriving` left out.
test('a challenge that is not an answer, is too cheap, too dear or too much is refused', async () => {
  const refuse = async (challenge: string, detail: RegExp): Promise<void> =>
    assert.rejects(start().answer(challenge), isError('M4C_XMPP_LOGIN', detail), challenge.slice(0, 80));
  await refuse(`r=${NONCE},s=${SALT},i=4096`, /not an answer/);
  await refuse(`r=X${COMBINED},s=${SALT},i=4096`, /not an answer/);
  await refuse(`r=${COMBINED},s=${SALT},i=4095`, /4095 iterations/);
  await refuse(`r=${COMBINED},s=${SALT},i=1000001`, /1000001 iterations/);
  for (const malformed of [
    '',
    SERVER_FINAL,
    `m=x,${SERVER_FIRST}`,
    `${SERVER_FIRST},m=x`,
    `r=${COMBINED},s=,i=4096`,
    `r=${COMBINED},s=abc,i=4096`,
    `r=${COMBINED},s=${SALT},i=04096`,
    `r=${COMBINED},s=${SALT},i=-1`,
    `r=${COMBINED},i=4096,s=${SALT}`,
    `${SERVER_FIRST}\0`,
  ])
    await refuse(malformed, /not a challenge/);
  await refuse(`${SERVER_FIRST},x=${'a'.repeat(3000)}`, /too long/);
  const scram = start();
  const first = scram.answer(SERVER_FIRST);
  await assert.rejects(scram.answer(SERVER_FIRST), isError('M4C_XMPP_LOGIN', /out of turn/));
  await first;
  await assert.rejects(scram.answer(SERVER_FIRST), isError('M4C_XMPP_LOGIN', /did not prove/));
});

// Red with `checkPassword` taken out, or with `{1,}` any character.
test('a password that SASLprep would change is refused', () => {
  for (const password of ['', 'pa\u00adss', 'Ⅸ', 'tab\t', 'a'.repeat(1025)])
    assert.throws(
      () => createScram('user@alpha.test', password, { bytes: (count) => Buffer.alloc(count) }),
      isError('M4C_CONFIG'),
    );
});
