// Mutations seen red, one each: a stanza taken while the link is down; what waits not bounced when it goes down; ghosts
// not told; `forget` before our server has heard it; our server's loss not told to
// the partner; what was left of before not told when the link comes up; a stream not closed that speaks for others;
// reading goes on for ever for a partner that is stuck; no probes; below sso what was just told taken back;
// a partner that takes nothing waited for without limit, by the taking back or by what is sent; probes piled up; a
// file that cannot be written keeps a sender from its answer; what stood in the file forgotten with a second join that
// is lost, or with a leave; a room not told of who had asked it, or he told twice.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { stanzaError, xml, type Element } from '@mom4c/xmpp';
import type { Level, Partner } from '../partner.ts';
import { createPartnerLink } from './partner-link.ts';
import { openPresenceLedger } from './presence-ledger.ts';
import { fakeClock } from '../test-fakes.ts';
import { fakeStream, longestPause, rememberingLog, turns, type FakeStream } from './test-streams.ts';

const ALPHA = 'alpha.test';
const BETA = 'beta.test';
const PAIR = { local: ALPHA, remote: BETA };
const ROOMS = { local: ALPHA, remote: `conference.${BETA}` };
const CM = `cm@${ALPHA}/x`;
const TE9 = `te9@${BETA}/y`;
const THEIR_ROOM = `r@conference.${BETA}`;
const OUR_ROOM = `r@conference.${ALPHA}`;
const NS_MUC = 'http://jabber.org/protocol/muc';

const partnerAt = (level: Level): Partner => ({
  ...{ domain: BETA, level, hosts: [BETA, `conference.${BETA}`], address: 'srv', certificates: [] },
  ...{ authority: undefined, agent: undefined, attributes: {}, connect: 'always' },
});

function setUp(context: TestContext, level: Level = 'sso') {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-link-'));
  const file = join(folder, 'presence.sqlite');
  const ledger = openPresenceLedger(file);
  const clock = fakeClock();
  const server = {
    online: true,
    /** Gone, which nobody has noticed yet. */
    isDeaf: false,
    told: [] as Element[],
    async send(stanza: Element) {
      if (!server.online || server.isDeaf) throw new Mom4cError('M4C_XMPP_OFFLINE');
      server.told.push(stanza);
    },
  };
  const refused: string[] = [];
  const dials: ((stream: FakeStream) => void)[] = [];
  const link = createPartnerLink({
    partner: partnerAt(level),
    domain: ALPHA,
    ours: new Set([ALPHA, `conference.${ALPHA}`]),
    ...{ component: server, ledger, clock, log: rememberingLog(), random: longestPause, changed() {} },
    dial: () => new Promise((resolve) => dials.push(resolve)),
    refused: ({ code }) => void refused.push(code),
  });
  context.after(() => {
    ledger.close();
    rmSync(folder, { recursive: true });
  });
  const up = async () => {
    const [out, incoming] = [fakeStream('out', PAIR), fakeStream('in', PAIR)];
    dials.at(-1)!(out);
    link.accept(incoming);
    await turns();
    return { out, incoming };
  };
  return { link, ledger, clock, server, refused, dials, up };
}

async function online(context: TestContext) {
  const parts = setUp(context);
  parts.link.connect();
  return { ...parts, ...(await parts.up()) };
}

const message = (id: string): Element => xml('message', { from: CM, to: TE9, id });
const presence = (from: string, to: string, type?: string, ...children: Element[]): Element =>
  xml('presence', { from, to, type }, ...children);
const joins = (from: string, to: string): Element =>
  presence(from, to, undefined, xml('x', { xmlns: NS_MUC }));
const self = (from: string, to: string): Element =>
  presence(from, to, undefined, xml('x', { xmlns: `${NS_MUC}#user` }, xml('status', { code: '110' })));

/** What was said, shortly. */
function brief({ name, attrs }: Element): string {
  return `${name} ${attrs.from} ${attrs.to} ${attrs.type ?? ''}`.trimEnd();
}

/** Nothing of what is sent from now on is written. */
function stall(out: FakeStream): void {
  out.send = () => new Promise((_resolve, reject) => void out.closed.then(({ error }) => reject(error)));
}

test('while the link is down stanzas go back at once, and while it is up they pass', async (context) => {
  const { link, server, up } = setUp(context);
  await link.send(message('1'), PAIR);
  assert.deepEqual([stanzaError(server.told[0]!).code, server.told[0]!.attrs.id], ['M4C_PARTNER_DOWN', '1']);
  link.connect();
  const { out, incoming } = await up();
  await link.send(message('2'), PAIR);
  await incoming.arrive(xml('message', { from: TE9, to: CM, id: '3' }));
  await turns();
  assert.deepEqual(
    out.sent.map(({ attrs }) => attrs.id),
    ['2'],
  );
  assert.deepEqual(
    server.told.map(({ attrs }) => attrs.id),
    ['1', '3'],
  );
  const { counts, state } = link.status();
  assert.deepEqual([state, counts.sent, counts.received, counts.bouncedOut, counts.ups], ['up', 1, 1, 1, 1]);
});

test('what was not written when the link goes down goes back, all of it, once', async (context) => {
  const { link, server, out } = await online(context);
  stall(out);
  for (const id of ['1', '2', '3']) await link.send(message(id), PAIR);
  assert.equal(link.status().queue.stanzas, 2);
  out.end();
  await turns();
  assert.deepEqual(new Set(server.told.map(({ attrs }) => attrs.id)), new Set(['1', '2', '3']));
  assert.equal(server.told.length, 3);
  assert.ok(server.told.every((stanza) => stanzaError(stanza).code === 'M4C_PARTNER_DOWN'));
});

async function everybodyIn(context: TestContext) {
  const parts = await online(context);
  const { link, incoming } = parts;
  await link.send(joins(CM, `${THEIR_ROOM}/cm`), ROOMS);
  await incoming.arrive(self(`${THEIR_ROOM}/cm`, CM));
  await incoming.arrive(joins(TE9, `${OUR_ROOM}/te9`));
  await link.send(self(`${OUR_ROOM}/te9`, TE9), { local: `conference.${ALPHA}`, remote: BETA });
  await turns();
  parts.server.told.length = 0;
  parts.out.sent.length = 0;
  return parts;
}

const GHOSTS = [`presence ${THEIR_ROOM}/cm ${CM} unavailable`, `presence ${TE9} ${OUR_ROOM}/te9 unavailable`];

test('when the link goes down nobody of the partner stays in our rooms, and none of ours believes to be in his', async (context) => {
  const { link, ledger, server, incoming } = await everybodyIn(context);
  incoming.end();
  await turns();
  assert.deepEqual(server.told.map(brief), GHOSTS);
  assert.deepEqual(ledger.of(BETA, 'in'), []);
  assert.equal(link.status().counts.downs, 1);
});

test('when our server is away it is told when it is back; when it was lost the partner is told', async (context) => {
  const { link, ledger, server, out, incoming } = await everybodyIn(context);
  server.online = false;
  link.serverLost();
  await link.settled();
  await turns();
  assert.deepEqual(out.sent.map(brief), [
    `presence ${CM} ${THEIR_ROOM}/cm unavailable`,
    `presence ${OUR_ROOM}/te9 ${TE9} unavailable`,
  ]);
  assert.match(out.sent[1]!.toString(), /code="332"/);
  out.sent.length = 0;
  // The partner's room says good-bye, which nobody can hear now, and one of his asks.
  Object.assign(server, { online: true, isDeaf: true });
  await incoming.arrive(presence(`${THEIR_ROOM}/cm`, CM, 'unavailable'));
  Object.assign(server, { online: false, isDeaf: false });
  await incoming.arrive(xml('message', { from: TE9, to: CM, id: 'm' }));
  await turns();
  assert.deepEqual(out.sent.map(brief), [`message ${CM} ${TE9} error`]);
  assert.equal(ledger.of(BETA, 'in').length, 2);
  server.online = true;
  link.serverFound();
  await link.settled();
  assert.deepEqual(server.told.map(brief), GHOSTS);
  assert.equal(ledger.count(BETA), 0);
});

test('what our server and the partner believed before is taken back before anything flows', async (context) => {
  const { link, ledger, server, clock, out, up } = await everybodyIn(context);
  await link.send(presence(CM, `te8@${BETA}`), PAIR);
  out.end();
  await turns();
  // As after a kill: what was left over on disk.
  ledger.apply(BETA, { note: { side: 'in', kind: 'join', from: TE9, to: `${OUR_ROOM}/te9` } });
  server.told.length = 0;
  link.serverFound();
  await link.send(message('early'), PAIR);
  assert.deepEqual(server.told.map(brief), [GHOSTS[1], `message ${TE9} ${CM} error`]);
  clock.advance(1_000);
  server.told.length = 0;
  const again = await up();
  assert.deepEqual(again.out.sent.map(brief), [
    `presence ${CM} ${THEIR_ROOM}/cm unavailable`,
    `presence ${OUR_ROOM}/te9 ${TE9} unavailable`,
    `presence ${CM} te8@${BETA} unavailable`,
  ]);
  assert.deepEqual(server.told.map(brief), [`presence te8@${BETA} cm@${ALPHA} probe`]);
  assert.equal(ledger.count(BETA), 0);
});

test('who still waits for a room to let him in is told once that nobody can', async (context) => {
  const { link, server, out } = await online(context);
  await link.send(joins(CM, `${THEIR_ROOM}/cm`), PAIR);
  stall(out);
  await link.send(joins(CM, `other@conference.${BETA}/cm`), PAIR);
  await turns();
  out.end();
  await turns();
  assert.deepEqual(server.told.map(brief).toSorted(), [
    `presence other@conference.${BETA}/cm ${CM} error`,
    `presence ${THEIR_ROOM}/cm ${CM} error`,
  ]);
});

test('who was in a room, and whose second join or leave is lost, is taken out of it', async (context) => {
  for (const last of [joins(CM, `${THEIR_ROOM}/cm`), presence(CM, `${THEIR_ROOM}/cm`, 'unavailable')]) {
    const { link, out, clock, up } = await everybodyIn(context);
    stall(out);
    for (let count = 0; count < 2; count++) await link.send(last, ROOMS);
    await turns();
    out.end();
    await turns();
    clock.advance(1_000);
    const again = await up();
    assert.ok(again.out.sent.map(brief).includes(`presence ${CM} ${THEIR_ROOM}/cm unavailable`), brief(last));
  }
});

test('who was in a room, and whose second join finds no room to wait, is still in it', async (context) => {
  const { link, ledger, server, out, clock } = await everybodyIn(context);
  stall(out);
  for (let count = 0; count < 1_025; count++) await link.send(message('x'), PAIR);
  const busy = link.send(joins(CM, `${THEIR_ROOM}/cm`), ROOMS);
  await turns(1);
  clock.advance(250);
  await busy;
  assert.equal(stanzaError(server.told[0]!).code, 'M4C_BUSY');
  assert.equal(ledger.find(BETA, { side: 'out', from: CM, to: `${THEIR_ROOM}/cm` })?.kind, 'directed');
});

test('who has asked a room that nobody can hear now is taken out of it when it can be told', async (context) => {
  const { link, server, out, clock, up } = await online(context);
  await link.send(joins(CM, `${THEIR_ROOM}/cm`), ROOMS);
  await turns();
  out.end();
  await turns();
  link.serverFound();
  await link.settled();
  assert.deepEqual(server.told.map(brief), [`presence ${THEIR_ROOM}/cm ${CM} error`]);
  clock.advance(1_000);
  const again = await up();
  assert.deepEqual(again.out.sent.map(brief), [`presence ${CM} ${THEIR_ROOM}/cm unavailable`]);
});

test('a stream that speaks for others is closed, and nothing of it is heard', async (context) => {
  const { link, server, refused, incoming } = await online(context);
  await incoming.arrive(xml('message', { from: `te9@conference.${BETA}`, to: CM }));
  assert.equal(server.told.length, 1);
  await incoming.arrive(xml('message', { from: `cm@${ALPHA}`, to: `te1@${ALPHA}` }));
  assert.equal(incoming.ended, 'invalid-from');
  assert.equal(server.told.length, 1);
  assert.deepEqual(refused, ['M4C_PARTNER_ADDRESS']);
  await turns();
  assert.equal(link.status().state, 'waiting');
});

test('below sso a stream speaks for its own pair of hosts only', async (context) => {
  const { link, server } = setUp(context, 'encrypted');
  link.connect();
  const stream = fakeStream('in', PAIR);
  link.accept(stream);
  await stream.arrive(xml('message', { from: TE9, to: CM }));
  assert.equal(server.told.length, 1);
  await stream.arrive(xml('message', { from: `${THEIR_ROOM}/te9`, to: CM }));
  assert.equal(stream.ended, 'invalid-from');
});

test('for a partner that is slow the reading waits; one that is stuck holds nobody up', async (context) => {
  const { link, server, clock, out } = await online(context);
  const writes: (() => void)[] = [];
  out.send = () => new Promise((resolve) => void writes.push(resolve));
  let sent = 0;
  const flood = async (): Promise<boolean> => {
    let done = false;
    void link.send(message(String((sent += 1))), PAIR).then(() => (done = true));
    await turns(1);
    return done;
  };
  while (await flood());
  assert.equal(server.told.length, 0);
  // Slow: with the next one that leaves there is room.
  writes.shift()!();
  await turns();
  assert.equal(link.status().queue.stanzas, 1_024);
  // Stuck: after a while the sender is told, and from then on at once.
  assert.equal(await flood(), false);
  clock.advance(250);
  await turns();
  assert.equal(stanzaError(server.told.at(-1)!).code, 'M4C_BUSY');
  assert.equal(await flood(), true);
  // Others have their own share.
  await link.send(xml('message', { from: `te1@${ALPHA}/x`, to: TE9 }), PAIR);
  assert.equal(link.status().queue.stanzas, 1_025);
  // It moves again.
  while (link.status().queue.stanzas > 0) {
    writes.shift()!();
    await turns(1);
  }
  writes.shift()!();
  const before = server.told.length;
  while (await flood());
  assert.equal(server.told.length, before);
});

test('a partner that takes nothing of what is taken back holds nobody up', async (context) => {
  const { link, ledger, server, clock, out } = await online(context);
  for (let number = 0; number < 2_000; number++)
    ledger.apply(BETA, {
      note: { side: 'out', kind: 'directed', from: `a${number % 4}@${ALPHA}/${number}`, to: TE9 },
    });
  out.send = () => new Promise(() => {});
  server.online = false;
  link.serverLost();
  server.online = true;
  link.serverFound();
  await turns();
  const first = link.send(message('1'), PAIR);
  await turns(1);
  clock.advance(250);
  await first;
  await link.send(message('2'), PAIR);
  assert.deepEqual(
    server.told.map((stanza) => [stanza.attrs.id, stanzaError(stanza).code]),
    [
      ['1', 'M4C_BUSY'],
      ['2', 'M4C_BUSY'],
    ],
  );
  clock.advance(10_000);
  await link.settled();
  assert.ok(ledger.of(BETA, 'out').length > 0);
  await link.send(message('3'), PAIR);
  assert.equal(server.told.length, 2);
  assert.equal(link.status().queue.stanzas, 1_025);
});

test('an account is asked about once, though the partner ends many streams before they carry anything', async (context) => {
  const { link, clock, server, dials, out, up } = await online(context);
  await link.send(presence(CM, `te8@${BETA}`), PAIR);
  out.end();
  await turns();
  for (let count = 0; count < 3; count++) {
    clock.advance(60_000);
    const [next, incoming] = [fakeStream('out', PAIR), fakeStream('in', PAIR)];
    next.send = () => Promise.reject(new Mom4cError('M4C_PARTNER_STREAM'));
    dials.at(-1)!(next);
    link.accept(incoming);
    next.end();
    await turns();
  }
  clock.advance(60_000);
  server.told.length = 0;
  await up();
  assert.deepEqual(server.told.map(brief), [`presence te8@${BETA} cm@${ALPHA} probe`]);
});

test('a sender is told though the file of presences cannot be written', async (context) => {
  const { link, ledger, server, out } = await online(context);
  out.send = () => Promise.reject(new Mom4cError('M4C_PARTNER_STREAM'));
  ledger.forget = () => {
    throw new Error('disk full');
  };
  await link.send(joins(CM, `${THEIR_ROOM}/cm`), PAIR);
  await turns();
  assert.deepEqual(server.told.map(brief), [`presence ${THEIR_ROOM}/cm ${CM} error`]);
});

test('below sso a stream that opens takes nothing back of what is true', async (context) => {
  const { link, ledger, clock, dials } = setUp(context, 'encrypted');
  const pair = { local: ALPHA, remote: `conference.${BETA}` };
  const join = joins(CM, `${THEIR_ROOM}/cm`);
  link.connect();
  const opened = async (): Promise<FakeStream> => {
    const out = fakeStream('out', pair);
    dials.at(-1)!(out);
    await turns();
    return out;
  };
  await link.send(join, pair);
  const first = await opened();
  assert.deepEqual(first.sent.map(brief), [brief(join)]);
  assert.equal(ledger.count(BETA), 1);
  clock.advance(10_000);
  first.end();
  await turns();
  const more = xml('message', { from: CM, to: THEIR_ROOM });
  await link.send(more, pair);
  assert.deepEqual((await opened()).sent.map(brief), [brief(more)]);
  assert.equal(ledger.count(BETA), 1);
});

test('below sso a leave that is lost is told with the next stream', async (context) => {
  const { link, ledger, clock, dials } = setUp(context, 'encrypted');
  link.connect();
  await link.send(joins(CM, `${THEIR_ROOM}/cm`), ROOMS);
  const first = fakeStream('out', ROOMS);
  dials.at(-1)!(first);
  await turns();
  clock.advance(10_000);
  first.send = () => Promise.reject(new Mom4cError('M4C_PARTNER_STREAM'));
  await link.send(presence(CM, `${THEIR_ROOM}/cm`, 'unavailable'), ROOMS);
  await turns();
  first.end();
  await turns();
  const next = fakeStream('out', ROOMS);
  await link.send(xml('message', { from: CM, to: THEIR_ROOM }), ROOMS);
  dials.at(-1)!(next);
  await turns();
  assert.equal(next.sent.map(brief)[0], `presence ${CM} ${THEIR_ROOM}/cm unavailable`);
  assert.equal(ledger.count(BETA), 0);
});
