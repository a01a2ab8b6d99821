/**
 * A manager by hand: the test stands in for cm1, which is stopped, with its key and at its addresses. It admits task executors
 * under the epoch that it likes, says in the room that it leads, commands, asks what became of commands, and hears results.
 */
import assert from 'node:assert/strict';
import type { Epoch } from '@mom4c/core';
import { NS_ENCRYPTED } from '@mom4c/member';
import { handOut } from '@mom4c/messaging';
import { xml } from '@mom4c/xmpp';
import { ACTIVE, DOMAIN, OWNER_NICK, ROOM, SERVICE } from './attack-range.ts';
import type { ExecutorName, Range } from './attack-range.ts';
import { newId, openClient, sealTo, sign, signedInTheClear } from './hostile-client.ts';
import type { Answer, Json } from './hostile-client.ts';

export type HandMadeManager = {
  /** Under which it admits and commands, where nothing else is said. */
  epoch: Epoch;
  /** Says so in the room. @param managers fingerprints; its own by default */
  lead(managers?: readonly string[]): Promise<void>;
  command(to: ExecutorName, change?: Json): Json;
  inquiry(to: ExecutorName, ids: readonly string[]): Json;
  /** @returns what the executor says to it at once: nothing (it has it), or a code */
  send(to: ExecutorName, payload: Json): Promise<Answer>;
  /** Signs it anew, at a later time than any before. */
  sendAgain(to: ExecutorName, payload: Json): Promise<Answer>;
  /** The so many-th result under this id, as soon as it is there: state, result and error. */
  result(id: unknown, nth?: number): Promise<Json>;
  stop(): Promise<void>;
};

export async function playManager(range: Range): Promise<HandMadeManager> {
  const { domain, identities, owner } = range;
  await domain.node('cm1').stop();
  const { key, epoch } = range.admission();
  const executors = [identities.te1.certificate, identities.te2.certificate];
  const client = await openClient(domain, identities.cm1, ACTIVE);
  let latest = 0;
  const head = (): Json => {
    latest = Math.max(Date.now(), latest + 1);
    return { id: newId(), from: SERVICE, time: latest, expires: latest + 30_000 };
  };

  const heard: Json[] = [];
  let changed = Promise.withResolvers<void>();
  client.session.onMessage(async ({ element }) => {
    const letter = element.getChild('x', NS_ENCRYPTED);
    if (!letter) return;
    heard.push(await client.open(letter, executors));
    changed.resolve();
    changed = Promise.withResolvers();
  });
  client.session.onRequest({ name: 'x', xmlns: NS_ENCRYPTED }, async ({ child }) => {
    const { id, from } = await client.open(child, executors);
    const name = String(from).split('@')[0] as ExecutorName;
    const joined = {
      ...head(),
      type: 'joined',
      id,
      to: from,
      epoch: manager.epoch,
      room: ROOM,
      key: handOut(key),
    };
    return sealTo(await sign(identities.cm1, joined), identities[name]);
  });

  const send = async (to: ExecutorName, payload: Json): Promise<Answer> =>
    client.ask(`${to}@${DOMAIN}/agent`, await sealTo(await sign(identities.cm1, payload), identities[to]));
  const manager: HandMadeManager = {
    epoch,
    async lead(managers = [identities.cm1.certificate.fingerprint]) {
      const to = { room: ROOM, targets: '*' };
      const said = { epoch: manager.epoch, key: key.id, manager: 'cm1', managers, standbys: [] };
      const statement = { ...head(), type: 'leadership', to, ...said };
      const children = await signedInTheClear(identities.cm1, statement);
      await owner.session.send(xml('presence', { to: `${ROOM}/${OWNER_NICK}` }, ...children));
    },
    command(to, change = {}) {
      const what = { name: 'ping', args: {}, epoch: manager.epoch };
      return { ...head(), type: 'command', to: `${to}@${DOMAIN}`, ...what, ...change };
    },
    inquiry: (to, ids) => ({
      ...head(),
      type: 'inquiry',
      to: `${to}@${DOMAIN}`,
      epoch: manager.epoch,
      ids,
    }),
    send,
    sendAgain(to, payload) {
      const { time } = head();
      return send(to, { ...payload, time });
    },
    async result(id, nth = 1) {
      for (;;) {
        const found = heard.filter((one) => one.id === id)[nth - 1];
        if (found) {
          assert.equal(found.type, 'result');
          const { state, result, error } = found;
          return { state, result, error };
        }
        await changed.promise;
      }
    },
    stop: () => client.stop(),
  };
  // For whoever comes in after cm1 has left.
  await manager.lead();
  return manager;
}
