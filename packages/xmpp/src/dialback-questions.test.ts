// A peer that only asks about keys of ours (XEP-0220 §2.2.2), as ejabberd does on a connection of its own. Mutations seen
// red: every connection that asks and goes is a refusal; none is, whatever key it asked about.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { xml } from './element.ts';
import { VERIFIED } from './test-certificates.ts';
import { ALPHA, BETA, headerOf, listenAsAlpha, rawPeer } from './test-s2s.ts';

const keys = { make: () => 'key', confirms: (_names: unknown, key: string) => key === 'key' };
const addressOf = (): never => assert.fail('nobody is asked about it');

for (const [key, refusals] of [
  ['key', 0],
  ['of somebody else', 1],
] as const)
  test(`asked about the key \`${key}\`, then gone: ${refusals} refusals`, async (context) => {
    const alpha = await listenAsAlpha(context, VERIFIED, { dialback: { keys, addressOf } });
    const peer = await rawPeer(alpha.listener.port);
    peer.write(headerOf(BETA));
    await peer.read('</stream:features>');
    peer.write(xml('db:verify', { from: BETA, to: ALPHA, id: 'stream' }, key).toString());
    await peer.read('<db:verify');
    peer.write('</stream:stream>');
    await peer.closed;
    while (alpha.listener.connections > 0) await new Promise(setImmediate);
    assert.deepEqual(alpha.streams, []);
    assert.equal(alpha.refused.length, refusals);
  });
