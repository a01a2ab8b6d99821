/**
 * Acts that are counted: each `setactuator` sets a value of its own, and the device of each executor is a FIFO that shows what
 * was written to it. So it can be told of each accepted command how often it was acted on.
 */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { LabOptions } from '@mom4c/lab';
import type { Request } from '@mom4c/member';
import type { Fifo } from './fifo.ts';
import { makeLed } from './led.ts';

const MOST = 1_000_000;

export type CountedActs = {
  /** For the lab. */
  readonly nodeSettings: NonNullable<LabOptions['nodeSettings']>;
  /** In turn an actuator of each of them, and a `ping` to all. */
  next(): Request;
  /** What was told before counts no more. */
  forget(): void;
  /** Values that an executor was told to set and that it wrote more than once. */
  twice(): readonly string[];
  readonly count: number;
  /** Of one of them. */
  countOf(executor: string): number;
  /** From now on whoever writes to the executor's device waits. @returns lets them go on */
  block(executor: string): Promise<() => void>;
  close(): Promise<void>;
};

/** @param folder for the trees of devices @param timeout of each request, milliseconds */
export function countedActs(folder: string, executors: readonly string[], timeout: number): CountedActs {
  const devices = new Map<string, { sysfs: string; fifo: Fifo }>();
  for (const name of executors) {
    const sysfs = mkdtempSync(join(folder, `sysfs-${name}-`));
    devices.set(name, { sysfs, fifo: makeLed(sysfs, 'lamp', MOST) });
  }
  let number = 0;
  let forgotten = 0;
  const settings = ({ sysfs }: { sysfs: string }) => ({
    sensors: { sysfs, procfs: '/proc' },
    actuators: { lamp: { led: 'lamp', max: MOST, safe: 0 } },
  });
  return {
    nodeSettings: Object.fromEntries([...devices].map(([name, device]) => [name, settings(device)])),
    next() {
      number += 1;
      const target = executors[number % (executors.length + 1)];
      if (target === undefined) return { name: 'ping', args: {}, targets: undefined, timeout };
      // 0 is the safe value, which the agent writes by itself.
      const args = { actuator: 'lamp', value: number };
      return { name: 'setactuator', args, targets: [target], timeout };
    },
    get count() {
      return executors.reduce((sum, name) => sum + this.countOf(name), 0);
    },
    countOf: (executor) => actsOf(devices.get(executor)!.fifo).length,
    forget() {
      forgotten = number;
    },
    twice() {
      return [...devices.values()].flatMap(({ fifo }) => {
        const seen = new Set<string>();
        const acts = actsOf(fifo).filter((value) => Number(value) > forgotten);
        return acts.filter((value) => seen.size === seen.add(value).size);
      });
    },
    async block(executor) {
      const { fifo } = devices.get(executor)!;
      await fifo.block();
      return () => fifo.unblock();
    },
    async close() {
      await Promise.all([...devices.values()].map(({ fifo }) => fifo.close()));
    },
  };
}

function actsOf({ lines }: Fifo): readonly string[] {
  return lines.filter((line) => line !== '0');
}
