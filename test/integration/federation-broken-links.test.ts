/**
 * Broken links between running gateways, alpha.test on ejabberd and beta.test on Prosody: whatever breaks, nobody stays in
 * a room as a ghost, both sides agree within 10 s of noticing, what was not written goes back to its sender, and the link
 * comes back by itself. A gateway that stands still is noticed within 45 s.
 *
 * The changes of the code that turn each rule red stand in apps/federation-gateway/src/link/*.test.ts; here it is shown that it
 * holds for whole programs and real servers.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { xml } from '@mom4c/xmpp';
import { DOMAINS, numbered, openPair, otherOf, until } from '../support/federated-pair.ts';
import type { Name, Pair } from '../support/federated-pair.ts';

const AGREED_MS = 10_000;
/** XEP-0198 and TCP keep-alive; see docs/federation.md. */
const NOTICED_MS = 45_000;
const LIMIT = { timeout: 180_000 };

let pair: Pair;

before(
  async () => {
    pair = await openPair();
  },
  { timeout: 300_000 },
);

after(async () => {
  await pair?.down();
});

const isOut = (name: Name): boolean => pair.side(name).believes() !== 'in';
const nobodyIn = async (name: Name): Promise<boolean> => (await pair.strangersIn(name)).length === 0;

/** The room and the node of this domain know that the way has gone. */
async function noticed(name: Name, limitMs: number): Promise<void> {
  await until(async () => isOut(name), `the node of ${name} is told`, limitMs);
  await until(async () => nobodyIn(name), `nobody of the other domain in the room of ${name}`, limitMs);
}

async function allIn(): Promise<void> {
  await pair.enter();
  for (const name of DOMAINS)
    assert.deepEqual(await pair.strangersIn(name), [pair.side(otherOf(name)).node.jid]);
}

/** It is up again by itself, with nobody in any room who has not come anew; and everything works. */
async function healed(): Promise<void> {
  await pair.up();
  for (const name of DOMAINS) {
    assert.ok(isOut(name));
    assert.deepEqual(await pair.strangersIn(name), []);
  }
  await allIn();
}

const link = (name: Name): Promise<number> => pair.count(name, 'federation_link_up');

test('the way between is cut, and comes back', LIMIT, async () => {
  await allIn();
  for (const name of DOMAINS) pair.side(name).relay.refuse();
  for (const name of DOMAINS) pair.side(name).relay.cut();
  for (const name of DOMAINS) await noticed(name, AGREED_MS);
  assert.match(pair.side('alpha.test').believes(), /^unavailable .*110.*333/);
  for (const name of DOMAINS) pair.side(name).relay.accept();
  await healed();
});

test('one direction is cut', LIMIT, async () => {
  await allIn();
  pair.side('beta.test').relay.refuse();
  pair.side('beta.test').relay.cut();
  for (const name of DOMAINS) await noticed(name, AGREED_MS);
  pair.side('beta.test').relay.accept();
  await healed();
});

for (const name of DOMAINS) {
  const partner = otherOf(name);

  test(`the gateway of ${name} is killed, and started again`, LIMIT, async () => {
    await allIn();
    const { gateway } = pair.side(name).domain;
    await gateway.stop({ signal: 'SIGKILL' });
    await noticed(partner, AGREED_MS);
    await gateway.start();
    await noticed(name, AGREED_MS);
    await healed();
  });

  test(`the gateway of ${name} is stopped in order`, LIMIT, async () => {
    await allIn();
    const { gateway } = pair.side(name).domain;
    await gateway.stop();
    for (const each of DOMAINS) await noticed(each, AGREED_MS);
    await gateway.start();
    await healed();
  });

  test(`the gateway of ${name} stands still, and goes on`, LIMIT, async () => {
    await allIn();
    const { gateway } = pair.side(name).domain;
    gateway.signal('SIGSTOP');
    try {
      await noticed(partner, NOTICED_MS + AGREED_MS);
    } finally {
      gateway.signal('SIGCONT');
    }
    await noticed(name, AGREED_MS);
    await healed();
  });

  test(`the XMPP server of ${name} is restarted`, LIMIT, async () => {
    await allIn();
    const { domain, ownRoom, node, room } = pair.side(name);
    await domain.xmppServer.stop({ signal: 'SIGKILL' });
    // The partner's node was in a room that is gone, and the own node is no longer in the partner's.
    await until(async () => isOut(partner) && (await nobodyIn(partner)), `${partner} is told`, AGREED_MS);
    assert.match(pair.side(partner).believes(), /^unavailable .*110.*332/);
    await domain.xmppServer.start();
    await until(async () => ownRoom.joined && node.online, 'the sessions');
    await until(async () => (await pair.count(name, 'component_online')) === 1, 'the gateway at its server');
    await until(async () => nobodyIn(name), `nobody in ${room}`, AGREED_MS);
    await pair.enter();
  });
}

test('the identity provider is gone: what is up stays up, what is new waits for it', LIMIT, async () => {
  await allIn();
  const { gateway } = pair.side('beta.test').domain;
  await pair.lab.idp.stop();
  await echo('alpha.test');
  await gateway.stop();
  await gateway.start();
  await noticed('alpha.test', AGREED_MS);
  await until(async () => (await refusal('alpha.test')) === 'remote-server-timeout', 'a bounce');
  assert.equal(await link('alpha.test'), 0);
  await pair.lab.idp.start();
  await healed();
});

/** From one node to the other. */
async function echo(name: Name): Promise<void> {
  const { node } = pair.side(name);
  await node.request(pair.side(otherOf(name)).node.jid, 'get', xml('ping', { xmlns: 'urn:xmpp:ping' }));
}

/** Why a message does not arrive. */
async function refusal(name: Name): Promise<string | undefined> {
  const { node } = pair.side(name);
  const { node: other } = pair.side(otherOf(name));
  const answer = new Promise<string | undefined>((resolve) => {
    const stop = node.onMessage(({ from, type, element }) => {
      if (from !== other.jid || type !== 'error') return;
      stop();
      resolve(element.getChild('error')?.getChildElements()[0]?.getName());
    });
  });
  await node.send(numbered(other.jid, 0));
  return answer;
}

test(
  'under load with a cut in the middle each is delivered, or goes back, or was on the wire',
  LIMIT,
  async (context) => {
    await pair.up();
    const [alpha, beta] = [pair.side('alpha.test'), pair.side('beta.test')];
    const [delivered, bounced] = [new Set<string>(), new Set<string>()];
    let order = -1;
    let disorder = 0;
    const stops = [
      beta.node.onMessage(({ from, element }) => {
        if (from !== alpha.node.jid) return;
        const number = Number(element.attrs.id);
        if (number < order) disorder += 1;
        order = number;
        delivered.add(element.attrs.id!);
      }),
      alpha.node.onMessage(({ from, type, element }) => {
        if (from === beta.node.jid && type === 'error') bounced.add(element.attrs.id!);
      }),
    ];
    const counts = async () => ({
      written: await pair.count('alpha.test', 'federation_stanzas_total', { direction: 'out' }),
      received: await pair.count('beta.test', 'federation_stanzas_total', { direction: 'in' }),
    });
    // Nothing of before is under way any more.
    await echo('alpha.test');
    await echo('beta.test');
    const before = await counts();
    const total = 6_000;
    for (let number = 1; number <= total; number++) {
      await alpha.node.send(numbered(beta.node.jid, number));
      if (number === total / 3) for (const { relay } of [alpha, beta]) relay.cut();
      if (number === (2 * total) / 3) await pair.up();
    }
    await pair.up();
    await echo('alpha.test');
    for (const stop of stops) stop();
    const now = await counts();
    const lost = now.written - before.written - (now.received - before.received);
    context.diagnostic(
      `${total} sent: ${delivered.size} delivered, ${bounced.size} went back, ${lost} were written and lost`,
    );
    assert.equal(disorder, 0);
    assert.ok(delivered.size > total / 3 && bounced.size > 0);
    const both = [...delivered].filter((id) => bounced.has(id));
    // The one that was being written when it broke may have gone back and arrived.
    assert.ok(both.length <= 1, `${both.length} arrived and went back`);
    assert.equal(delivered.size + bounced.size - both.length + lost, total);
  },
);
