// Mutation seen red: see each test's own line. Over TLS to a scripted server.
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { keepSpare } from './log-in-ahead.ts';
import { connect } from './session.ts';
import { certificateFor } from './test-certificates.ts';
import { countingRandom, fakeClock, rememberingLog } from './test-fakes.ts';
import { settles, startTlsServer, type Peer } from './test-server.ts';

const DOMAIN = 'alpha.test';
const JID = `cm@${DOMAIN}/active`;
const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";
const NS_BIND = "xmlns='urn:ietf:params:xml:ns:xmpp-bind'";

/** With a log-in ahead. */
async function setUpReady(context: TestContext) {
  const { cert, key } = certificateFor(DOMAIN);
  const server = await startTlsServer({ cert, key });
  const clock = fakeClock();
  const settings = {
    ...{ host: '127.0.0.1', port: server.port, domain: DOMAIN, jid: JID, tls: { ca: cert, cert, key } },
    ...{ log: rememberingLog(), clock, random: countingRandom() },
  };
  const spare = keepSpare(settings);
  const session = connect({ ...settings, spare });
  context.after(async () => {
    const stopped = [spare.stop(), session.stop()];
    await server.close();
    await Promise.all(stopped);
  });
  const peer = await server.connection();
  await admit(peer);
  await until(() => spare.ready);
  return { server, clock, spare, session, peer };
}

/** To the point where a resource is offered. */
async function admit(peer: Peer): Promise<void> {
  await peer.read('<stream:stream');
  peer.write(
    `${HEADER}<stream:features><mechanisms ${SASL}><mechanism>EXTERNAL</mechanism></mechanisms></stream:features>`,
  );
  await peer.read('</auth>');
  peer.write(`<success ${SASL}/>`);
  await peer.read('<stream:stream');
  await peer.push(`${HEADER}<stream:features><bind ${NS_BIND}/></stream:features>`);
}

async function give(peer: Peer): Promise<void> {
  assert.match(await peer.read('</iq>'), /^<iq type="set" id="bind">.*<resource>active<\/resource>/);
  peer.write(`<iq type='result' id='bind'><bind ${NS_BIND}><jid>${JID}</jid></bind></iq>`);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate);
}

// Red with `settings.spare` not asked in session.ts.
test('a session whose address was logged in ahead asks for the resource, and for nothing else', async (context) => {
  const { server, session, peer } = await setUpReady(context);
  const started = session.start();
  await give(peer);
  await settles(started, 'the session');
  assert.equal(server.count(), 1);
  const heard = new Promise((resolve) => session.onMessage(({ from }) => resolve(from)));
  peer.write(`<message from='te1@${DOMAIN}/agent'/>`);
  assert.equal(await settles(heard, 'a message'), `te1@${DOMAIN}/agent`);
});

// Red with the error of `bindResource` thrown at the session.
test('a log-in ahead that is of no use costs the session nothing but its time', async (context) => {
  const { server, clock, session, peer: silent } = await setUpReady(context);
  const started = session.start();
  await silent.read('</iq>');
  clock.advance(1_000);
  await settles(silent.closed, 'the end of the silent one');
  const peer = await server.connection();
  await admit(peer);
  await give(peer);
  await settles(started, 'the session');
});

// Red with RENEW_MS above thirty seconds; with the older one given up before the younger one is made.
test('a log-in ahead is renewed before servers end it, and the older one serves until then', async (context) => {
  const { server, clock, session, spare, peer: older } = await setUpReady(context);
  clock.advance(29_000);
  const younger = await server.connection();
  assert.ok(spare.ready, 'the older one');
  await admit(younger);
  await older.read('</stream:stream>');
  older.end();
  const started = session.start();
  await give(younger);
  await settles(started, 'the session');
});

// Red without REST_MS.
test('after one was taken, or ended by the server, there is a rest before the next', async (context) => {
  const { server, clock, session, spare, peer: ended } = await setUpReady(context);
  ended.end();
  await until(() => !spare.ready);
  const started = session.start();
  const peer = await server.connection();
  await admit(peer);
  await give(peer);
  await settles(started, 'the session');
  assert.equal(server.count(), 2);
  clock.advance(5_000);
  await admit(await server.connection());
  await until(() => spare.ready);
});
