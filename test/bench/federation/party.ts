/** The partner that is logged in to: an agent and listeners as those of a gateway, in a process of its own. Its streams lead
 *  to nobody: what counts is when the first stanza comes out of them. */
import { once } from 'node:events';
import { systemClock as clock, systemRandom as random } from '@mom4c/core';
import type { Level } from '@mom4c/federation-gateway';
import { listenS2s } from '@mom4c/xmpp';
import { monotonicMs, startAgent } from '../../support/range-agent.ts';
import type { FromParty, ToParty } from './party-protocol.ts';

const [{ plan }] = (await once(process, 'message')) as [ToParty];
const party = await startAgent(plan);
const { agent, descriptor, issued, log, policyFor } = party;
const [sso, encrypted] = [await listen('sso', descriptor.s2s!.port), await listen('encrypted', 0)];
process.once('disconnect', () => void leave());
// The benchmark ends it; a terminal's Ctrl-C reaches all.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
tell({ type: 'ready', sso: sso.port, encrypted: encrypted.port });

function listen(level: Level, port: number) {
  return listenS2s({
    ...{ host: '127.0.0.1', port, hosts: descriptor.hosts, credentials: issued, log, clock, random },
    policyFor: (remote) => policyFor(remote, level),
    saml: agent.verdicts,
    onStream: (stream) => stream.consume(() => tell({ type: 'stanza', at: monotonicMs() })),
    onRefused: (error) => console.error(error),
  });
}

async function leave(): Promise<void> {
  await Promise.all([sso.stop(), encrypted.stop(), party.stop()]);
}

/** Nobody may be there any more to hear it. */
function tell(message: FromParty): void {
  if (process.connected) process.send!(message);
}
