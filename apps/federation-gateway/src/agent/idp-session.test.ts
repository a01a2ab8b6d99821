// Mutations seen red: no turn (two log-ins at once); who waited logs in again; credentials sent again at once after they were
// refused; the pause not doubled, not reset, or kept for other credentials; a session shown after its end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { type Answered, createIdpSession, type Walk } from './idp-session.ts';
import { fakeClock, isError } from '../test-fakes.ts';

const ORIGIN = 'https://idp.test';
const URL_OF_IDP = new URL(`${ORIGIN}/sso`);
const { signal } = new AbortController();

/** Knows one password; its sessions are named by numbers. */
function setUp() {
  const clock = fakeClock();
  const sessions = new Set<string>();
  const seen: string[] = [];
  let secret = 'right';
  let until: number | undefined;
  let gate: Promise<void> = Promise.resolve();
  const walk: Walk<string, string> = async (jar, credentials): Promise<Answered<string> | undefined> => {
    const cookie = jar.header(URL_OF_IDP);
    seen.push(`${cookie ?? 'none'} ${credentials ?? 'none'}`);
    await gate;
    if (cookie && sessions.has(cookie)) return { value: cookie, sessionUntil: until };
    if (credentials === undefined) return undefined;
    if (credentials !== 'right') throw new Mom4cError('M4C_IDP_LOGIN', 'no');
    const named = `s=${sessions.size + 1}`;
    sessions.add(named);
    jar.take(URL_OF_IDP, [`${named}; Path=/`]);
    return { value: named, sessionUntil: until };
  };
  const session = createIdpSession(() => secret, clock);
  return {
    clock,
    sessions,
    seen,
    session,
    ask: (own: AbortSignal = signal) => session.answer(ORIGIN, walk, own),
    password: (text: string) => (secret = text),
    endsAt: (time: number) => (until = time),
    hold: (): (() => void) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
  };
}

test('the first logs in, the next shows the session', async () => {
  const { ask, seen, session, clock } = setUp();
  assert.equal(session.status('idp').session, undefined);
  assert.equal(await ask(), 's=1');
  assert.equal(await ask(), 's=1');
  assert.deepEqual(seen, ['none right', 's=1 none']);
  const { lastLogIn, logIns, session: live } = session.status('idp');
  assert.deepEqual(
    { lastLogIn, logIns, live },
    { lastLogIn: clock.now(), logIns: 1, live: { since: clock.now(), until: undefined } },
  );
});

test('five at once log in once', async () => {
  const { ask, seen, hold } = setUp();
  const release = hold();
  const all = Array.from({ length: 5 }, () => ask());
  release();
  assert.deepEqual(await Promise.all(all), Array(5).fill('s=1'));
  assert.deepEqual(seen, ['none right', ...Array(4).fill('s=1 none')]);
});

test('a session that was lost costs one log-in for all', async () => {
  const { ask, seen, sessions } = setUp();
  await ask();
  sessions.clear();
  sessions.add('s=old');
  seen.length = 0;
  assert.deepEqual(await Promise.all([ask(), ask(), ask()]), ['s=2', 's=2', 's=2']);
  assert.equal(seen.filter((line) => line.endsWith('right')).length, 1);
  assert.equal(
    seen.find((line) => line.endsWith('right')),
    'none right',
  );
});

test('a session is not shown after the end that the identity provider named', async () => {
  const { ask, seen, endsAt, clock, session } = setUp();
  endsAt(clock.now() + 1000);
  await ask();
  assert.equal(session.status('idp').session?.until, clock.now() + 1000);
  clock.advance(1000);
  assert.equal(session.status('idp').session, undefined);
  await ask();
  assert.deepEqual(seen, ['none right', 'none right']);
});

test('who goes away while waiting leaves the turn to the next', async () => {
  const { ask, hold } = setUp();
  const release = hold();
  const first = ask();
  const gone = new AbortController();
  const second = ask(gone.signal);
  const third = ask();
  gone.abort();
  await assert.rejects(second, isError('M4C_PARTNER_STREAM'));
  release();
  assert.deepEqual(await Promise.all([first, third]), ['s=1', 's=1']);
});

test('refused credentials wait, longer each time, and are not sent in between', async () => {
  const { ask, seen, password, clock, session } = setUp();
  const refused = isError('M4C_IDP_LOGIN');
  password('wrong');
  for (const seconds of [30, 60, 120]) {
    await assert.rejects(ask(), refused);
    const tries = seen.length;
    await assert.rejects(ask(), isError('M4C_IDP_LOGIN', new RegExp(`again in ${seconds} s`)));
    clock.advance(seconds * 1000 - 1);
    await assert.rejects(ask(), refused);
    assert.equal(seen.length, tries);
    assert.equal(session.status('idp').nextTry, clock.now() + 1);
    clock.advance(1);
  }
  assert.equal(session.status('idp').fault?.code, 'M4C_IDP_LOGIN');
});

test('other credentials are tried at once, and a log-in ends the pause', async () => {
  const { ask, seen, password, sessions, clock } = setUp();
  password('wrong');
  await assert.rejects(ask(), isError('M4C_IDP_LOGIN'));
  password('right');
  assert.equal(await ask(), 's=1');
  sessions.clear();
  password('wrong');
  await assert.rejects(ask(), isError('M4C_IDP_LOGIN', /no/));
  clock.advance(30_000);
  await assert.rejects(ask(), isError('M4C_IDP_LOGIN', /no/));
  assert.equal(seen.filter((line) => line.endsWith('wrong')).length, 3);
});

test('what is wrong with the identity provider is told, and forgotten once it answers', async () => {
  const { ask, session } = setUp();
  const down = new Mom4cError('M4C_IDP_UNREACHABLE', 'identity provider: ECONNREFUSED');
  await assert.rejects(
    session.answer(ORIGIN, () => Promise.reject(down), signal),
    isError('M4C_IDP_UNREACHABLE'),
  );
  assert.match(session.status('idp').means, /No new link can be made/);
  await ask();
  assert.equal(session.status('idp').fault, undefined);
  assert.equal(session.status('idp').means, 'New links need no log-in.');
});
