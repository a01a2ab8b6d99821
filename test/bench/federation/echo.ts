/** A client in each domain that answers pings (XEP-0199), as every session of ours does. */
import { once } from 'node:events';
import { silentLog as log } from '@mom4c/core';
import { connect } from '@mom4c/xmpp';
import type { FromEcho, ToEcho } from './echo-protocol.ts';

const [{ accounts }] = (await once(process, 'message')) as [ToEcho];
const sessions = accounts.map((account) => connect({ ...account, log }));
await Promise.all(sessions.map((session) => session.start()));
process.once('disconnect', () => void Promise.all(sessions.map((session) => session.stop())));
// The benchmark ends it; a terminal's Ctrl-C reaches all.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
process.send!({ type: 'ready', pid: process.pid } satisfies FromEcho);
