// Mutations seen red: kept without a stream; kept beyond its stream, or left with it while it leads; a conflict told while it is
// kept, or never; that the server refuses it told to nobody.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import type { SessionEvents, XmppSession } from '@mom4c/xmpp';
import { ActiveAddress } from './active-address.ts';

test('while its term leads, a lost stream is left to the session, which comes back', () => {
  const { stream, stops } = claim();
  stream.lose();
  assert.equal(stops(), 0);
});

test('whoever keeps it does not come back to it after its stream was lost', async () => {
  const { address, stream, stops } = claim();
  await address.keep();
  assert.deepEqual([address.online, stops()], [true, 0]);
  stream.lose();
  assert.deepEqual([address.online, stops()], [false, 1]);
});

test('without a stream it is not kept', async () => {
  const { address, stream, stops } = claim();
  stream.lose();
  await address.keep();
  assert.deepEqual([address.online, stops()], [false, 1]);
});

test('that somebody newer has it ends a term that leads, and is no matter for one that has kept it', async () => {
  for (const [kept, told] of [
    [false, ['conflict']],
    [true, []],
  ] as const) {
    const { address, stream, said } = claim();
    if (kept) await address.keep();
    stream.tell('conflict', new Mom4cError('M4C_XMPP_CONFLICT'));
    assert.deepEqual(said, told);
  }
});

test('that the server refuses it is told, whether it is kept or not', async () => {
  const { address, stream, said } = claim();
  stream.tell('fatal', new Mom4cError('M4C_XMPP_LOGIN'));
  await address.keep();
  stream.tell('fatal', new Mom4cError('M4C_CERTIFICATE_INVALID'));
  assert.deepEqual(said, ['M4C_XMPP_LOGIN', 'M4C_CERTIFICATE_INVALID']);
});

function claim() {
  const said: string[] = [];
  const listeners = new Map<keyof SessionEvents, (event: { error: Mom4cError }) => void>();
  let online = true;
  let stops = 0;
  const session: Pick<XmppSession, 'online' | 'on' | 'stop'> = {
    get online() {
      return online;
    },
    on(event, listener) {
      listeners.set(event, listener as (event: { error: Mom4cError }) => void);
      return () => void listeners.delete(event);
    },
    async stop() {
      stops += 1;
      online = false;
    },
  };
  const address = new ActiveAddress(session, {
    onConflict: () => void said.push('conflict'),
    onFatal: ({ code }) => void said.push(code),
  });
  const stream = {
    tell: (event: keyof SessionEvents, error: Mom4cError) => listeners.get(event)?.({ error }),
    lose(): void {
      online = false;
      this.tell('offline', new Mom4cError('M4C_XMPP_OFFLINE'));
    },
  };
  return { address, stream, said, stops: () => stops };
}
