/** Three managers, each behind relays, two executors whose acts are counted, and an administrator who keeps asking. */
import { startLab } from '@mom4c/lab';
import type { Component, LabDomain, XmppServerKind } from '@mom4c/lab';
import { openAdministrator } from './administrator-session.ts';
import type { AdministratorSession } from './administrator-session.ts';
import { countedActs } from './counted-acts.ts';
import type { CountedActs } from './counted-acts.ts';
import { putBehindRelays } from './cut-off.ts';
import type { Ways } from './cut-off.ts';
import { leaderOf, untilStandbys } from './leader.ts';
import { makeRunFolder } from './run-folder.ts';
import { settles } from './settles.ts';
import { steadyLoad } from './steady-load.ts';
import type { SteadyLoad } from './steady-load.ts';

export const MANAGERS = ['cm1', 'cm2', 'cm3'];
const EXECUTORS = ['te1', 'te2'];
export const IN_FLIGHT = 40;
/**
 * Some ten requests a second, for tests that run beside others: a machine that is at its limit would lose leases of itself.
 * Those that have it to themselves keep it busy with as many as IN_FLIGHT.
 */
export const LIGHT_LOAD: Load = { inFlight: 20, restMs: 2_000 };
/** Milliseconds that a request's targets have: longer than any loss lasts. */
const TIMEOUT = 15_000;

export type FailOverRange = {
  readonly folder: string;
  readonly domain: LabDomain;
  readonly admin: AdministratorSession;
  readonly acts: CountedActs;
  /** By manager; empty without relays. */
  readonly ways: ReadonlyMap<string, Ways>;
  /** Under load, with two that stand by. Whatever an earlier test has left is ended and mended first. */
  begin(): Promise<{ readonly load: SteadyLoad; readonly leader: string }>;
  close(): Promise<void>;
};

export type RangeOptions = {
  readonly server?: XmppServerKind;
  readonly leaseSeconds: number;
  /** Puts relays on the ways of the managers, so that they can be cut off. */
  readonly relays: boolean;
  /** IN_FLIGHT as fast as the machine can, where absent. */
  readonly load?: Load;
};

export type Load = {
  readonly inFlight: number;
  /** Milliseconds that each of those rests before the next request. */
  readonly restMs: number;
};

export async function openFailOverRange(options: RangeOptions): Promise<FailOverRange> {
  const { inFlight, restMs } = options.load ?? { inFlight: IN_FLIGHT, restMs: 0 };
  const folder = makeRunFolder('fail-over');
  const acts = countedActs(folder.path, EXECUTORS, TIMEOUT);
  const lab = await startLab({
    ...folder.lab,
    server: options.server,
    managers: MANAGERS.length,
    executors: EXECUTORS.length,
    nodeSettings: { ...acts.nodeSettings, cm: { lease: { seconds: options.leaseSeconds } } },
  });
  const domain = lab.domains[0]!;
  const ways = new Map<string, Ways>();
  if (options.relays)
    for (const name of MANAGERS) ways.set(name, await putBehindRelays(domain, domain.node(name)));
  const admin = await openAdministrator(domain, 'test');
  const { requester } = admin;
  let load: SteadyLoad | undefined;
  return {
    ...{ folder: folder.path, domain, admin, acts, ways },
    async begin() {
      void load?.end();
      await mend(domain, ways);
      await settles(untilStandbys(requester, MANAGERS.length - 1), 'all others standing by');
      const { name: leader } = await leaderOf(requester);
      load = steadyLoad(requester, inFlight, () => acts.next(), restMs);
      await settles(load.progress(inFlight), 'the first outcomes');
      return { load, leader };
    },
    async close() {
      await admin.close();
      await lab.down();
      await acts.close();
      await Promise.all([...ways.values()].map((way) => way.close()));
      folder.remove();
    },
  };
}

/** What a test left that failed in the middle. */
async function mend(domain: LabDomain, ways: ReadonlyMap<string, Ways>): Promise<void> {
  for (const { xmpp, bus } of ways.values()) for (const way of [xmpp, bus]) way.release();
  for (const name of MANAGERS) domain.node(name).signal('SIGCONT');
  const start = (...kinds: readonly Component['kind'][]) =>
    Promise.all(
      domain.components
        .filter(({ kind, running }) => kinds.includes(kind) && !running)
        .map((component) => component.start()),
    );
  await start('server');
  await start('cm', 'te');
}
