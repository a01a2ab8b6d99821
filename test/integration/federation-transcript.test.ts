/**
 * The thirteen steps of a log-in between two domains, by number and in order, as the gateways of both tell them at debug
 * level, and what the wire saw; once in each direction. Real streams, agents and a real SimpleSAMLphp.
 *
 * Mutation seen red: step 9 not told.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { xml } from '@mom4c/xmpp';
import { type AgentRange, createAgentRange } from '../support/agent-range.ts';
import type { RangeAgent } from '../support/range-agent.ts';
import { type Door, doorOf, openStream } from '../support/agent-streams.ts';
import { OPENER, TAKER } from '../support/thirteen-steps.ts';
import { recordTls } from '../support/tls-recorder.ts';

const [ALPHA, BETA] = ['alpha.test', 'beta.test'] as const;
let range: AgentRange;
const gateways: RangeAgent[] = [];
const doors: Door[] = [];

before(async () => {
  range = await createAgentRange([ALPHA, BETA]);
  for (const domain of [ALPHA, BETA]) {
    const gateway = await range.start(domain);
    gateways.push(gateway);
    doors.push(await doorOf(gateway));
  }
});
after(async () => {
  for (const door of doors) await door.stop();
  await range?.stop();
});

type Step = { readonly step: number; readonly order: number };

function stepsOf({ lines }: RangeAgent, direction: string, partner: string): Step[] {
  return lines.flatMap(({ step, order, level, ...fields }) =>
    typeof step === 'number' && fields.direction === direction
      ? [(assert.deepEqual([level, fields.partner], ['debug', partner]), { step, order })]
      : [],
  );
}

for (const [from, to] of [
  [0, 1],
  [1, 0],
] as const)
  test(`the thirteen steps from ${[ALPHA, BETA][from]} to ${[ALPHA, BETA][to]}`, async (context) => {
    const [opener, taker] = [gateways[from]!, gateways[to]!];
    const recorder = await recordTls(opener.issued, taker.issued, doors[to]!.port);
    context.after(() => recorder.stop());
    const stream = await openStream(
      opener,
      { domain: taker.domain, port: recorder.port },
      AbortSignal.timeout(60_000),
    );
    const taken = doors[to]!.streams.at(-1)!;
    const arrived = new Promise<string | undefined>((resolve) =>
      taken.consume((stanza) => resolve(stanza.attrs.id as string)),
    );
    await stream.send(xml('message', { from: `x@${opener.domain}`, to: `y@${taker.domain}`, id: 'm1' }));
    assert.equal(await arrived, 'm1', 'stanzas flow');
    assert.deepEqual(taken.pair, { local: taker.domain, remote: opener.domain });

    const told = stepsOf(opener, 'out', taker.domain);
    const heard = stepsOf(taker, 'in', opener.domain);
    assert.deepEqual(
      told.map(({ step }) => step),
      OPENER,
    );
    assert.deepEqual(
      heard.map(({ step }) => step),
      TAKER,
    );
    const first = (number: number): number =>
      Math.min(...[...told, ...heard].filter(({ step }) => step === number).map(({ order }) => order));
    for (let number = 1; number < 13; number += 1)
      assert.ok(first(number) < first(number + 1), `${number} comes before ${number + 1}`);

    assert.deepEqual(recorder.protocols, ['TLSv1.3']);
    const { there, back } = recorder.seen;
    assert.deepEqual(there, ['stream:stream', 'auth', 'response', 'stream:stream', 'enable', 'message']);
    assert.deepEqual(back.slice(0, 9), [
      'stream:stream',
      'stream:features',
      'mechanisms',
      'mechanism',
      'challenge',
      'success',
      'stream:stream',
      'stream:features',
      'sm',
    ]);
    await stream.close();
  });
