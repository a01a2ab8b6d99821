/** People with slixmpp on stock servers of two domains, and a gateway between each server and the other domain. */
import assert from 'node:assert/strict';
import type { ChatClient } from '../support/chat-client.ts';
import { openStockDomains } from '../support/stock-gateways.ts';
import type { StockDomain } from '../support/stock-gateways.ts';
import { versionOf } from './federation-matrix.ts';
import type { Cell, Matrix, Row } from './federation-matrix.ts';

type Seen = Pick<Row, 'seen' | 'outcome'>;
const works = (seen: string): Seen => ({ seen, outcome: 'works' });

export async function openClients(): Promise<Matrix> {
  const opened = await openStockDomains({
    'alpha.test': 'ejabberd',
    'beta.test': 'ejabberd',
    'gamma.test': 'prosody',
  });
  const [alpha, beta, gamma] = opened.domains as [StockDomain, StockDomain, StockDomain];
  const pairs = [
    [alpha, beta],
    [alpha, gamma],
    [gamma, beta],
  ] as const;
  return { cells: pairs.flatMap(([one, other]) => cellsOf(one, other)), stop: () => opened.stop() };
}

function cellsOf(one: StockDomain, other: StockDomain): Cell[] {
  const { ann } = one.people;
  const { bob } = other.people;
  const room = `room-${one.name.split('.')[0]}@conference.${other.name}`;
  const peer = `${versionOf('python3-slixmpp', 'slixmpp')} at ${versionOf(one.kind)} and ${versionOf(other.kind)}`;
  const cell = (operation: string, run: () => Promise<Seen>): Cell => ({
    peer,
    operation,
    outcome: 'works',
    run,
  });
  return [
    cell('subscription to presence, both ways', async () => {
      await ann.perform({ op: 'subscribe', to: bob.jid });
      await Promise.all([ann, bob].map((person) => person.take({ name: 'presence', type: 'subscribed' })));
      const rosters = await Promise.all([rosterOf(ann, bob), rosterOf(bob, ann)]);
      assert.deepEqual(rosters, ['both', 'both']);
      return works('`both` in both rosters');
    }),
    cell('presence', async () => {
      await ann.perform({ op: 'presence', show: 'away' });
      await bob.take({ name: 'presence', type: null, show: 'away', from: ann.full });
      return works('`away` from the full address');
    }),
    cell('messages', async () => {
      await exchange(ann, bob);
      await exchange(bob, ann);
      return works('there and back');
    }),
    cell('IQ: ping of the other server', async () => {
      assert.deepEqual(await ann.perform({ op: 'ping', to: other.name }), {});
      assert.deepEqual(await bob.perform({ op: 'ping', to: one.name }), {});
      return works('there and back');
    }),
    cell('joins a room of the other domain', async () => {
      assert.deepEqual(await bob.perform({ op: 'create', to: room, nick: 'bob' }), {});
      const { occupants } = await ann.perform({ op: 'join', to: room, nick: 'ann' });
      assert.deepEqual(occupants, ['ann', 'bob']);
      return works('both occupants');
    }),
    cell('says something to the room', async () => {
      await ann.perform({ op: 'message', to: room, type: 'groupchat', body: 'to all' });
      await Promise.all([ann, bob].map((person) => person.take({ type: 'groupchat', body: 'to all' })));
      return works('heard by both');
    }),
    cell('private message within the room', async () => {
      await bob.perform({ op: 'message', to: `${room}/ann`, body: 'to you' });
      const { from } = await ann.take({ name: 'message', body: 'to you' });
      assert.equal(from, `${room}/bob`);
      return works('from the occupant');
    }),
    cell('leaves the room', async () => {
      await ann.perform({ op: 'leave', to: room, nick: 'ann' });
      await bob.take({ name: 'presence', type: 'unavailable', from: `${room}/ann` });
      return works('`unavailable` in the room');
    }),
    cell('IQ to nobody', async () => {
      const { error } = await ann.perform({ op: 'ping', to: `nobody@${other.name}/x` });
      return works(`\`${error}\``);
    }),
    cell('the gateway is told to disconnect', async () => {
      one.gateway.disconnect(other.name);
      const { error } = await ann.perform({ op: 'ping', to: other.name });
      one.gateway.connect(other.name);
      return works(`\`${error}\` at once`);
    }),
  ];
}

async function rosterOf(person: ChatClient, { jid }: ChatClient): Promise<string | undefined> {
  return (await person.perform({ op: 'roster', to: jid })).subscription;
}

async function exchange(from: ChatClient, to: ChatClient): Promise<void> {
  const body = `from ${from.jid}`;
  await from.perform({ op: 'message', to: to.jid, body });
  await to.take({ name: 'message', body, from: from.full });
}
