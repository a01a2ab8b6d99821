/** Who leads a domain, by what its managers say themselves. */
import assert from 'node:assert/strict';
import { managers } from '@mom4c/commands';
import { Mom4cError } from '@mom4c/core';
import type { Epoch } from '@mom4c/core';
import type { Request, Requester } from '@mom4c/member';
import type * as z from 'zod';
import { until } from './until.ts';

export type ManagerRow = z.output<typeof managers.result>['managers'][number];

const LIST: Request = { name: 'managers', args: {}, targets: undefined, timeout: 10_000 };

export async function listManagers(requester: Requester): Promise<readonly ManagerRow[]> {
  const [outcome] = (await requester.send(LIST)).outcomes;
  assert.equal(outcome?.state, 'ok', outcome?.error?.code);
  return managers.result.parse(outcome!.result).managers;
}

export async function leaderOf(requester: Requester): Promise<ManagerRow & { readonly epoch: Epoch }> {
  const leading = (await listManagers(requester)).filter(({ role }) => role === 'active');
  assert.equal(leading.length, 1, JSON.stringify(leading));
  const [leader] = leading;
  assert.ok(leader?.epoch);
  return { ...leader, epoch: leader.epoch };
}

/** Undefined while nobody leads, or while it changes who does. */
async function listIfLed(requester: Requester): Promise<readonly ManagerRow[] | undefined> {
  try {
    const [outcome] = (await requester.send(LIST)).outcomes;
    return outcome?.state === 'ok' ? managers.result.parse(outcome.result).managers : undefined;
  } catch (thrown) {
    if (thrown instanceof Mom4cError && thrown.retryable && thrown.code !== 'M4C_STOPPED') return undefined;
    throw thrown;
  }
}

/** Resolves when one leads whose name fits. */
export async function untilLeads(requester: Requester, fits: (name: string) => boolean): Promise<void> {
  await until(async () => {
    const rows = await listIfLed(requester);
    return rows?.some(({ role, name }) => role === 'active' && fits(name)) ?? false;
  });
}

/** Resolves when as many managers could take over, besides the one that leads. */
export async function untilStandbys(requester: Requester, count: number): Promise<void> {
  await until(async () => {
    const rows = (await listIfLed(requester)) ?? [];
    return rows.filter(({ rank }) => rank !== undefined).length >= count;
  });
}

/** On a machine that is very busy the lease that was given back may go to another one first. */
export async function handOver(requester: Requester, to: string): Promise<void> {
  for (;;) {
    const { name: from } = await leaderOf(requester);
    if (from === to) return;
    const request = { name: 'managerspromote', args: { manager: to }, targets: undefined, timeout: 10_000 };
    const [outcome] = (await requester.send(request)).outcomes;
    assert.equal(outcome?.state, 'ok', outcome?.error?.code);
    await untilLeads(requester, (name) => name !== from);
  }
}
