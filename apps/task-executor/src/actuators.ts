/**
 * Actuators that are LED class devices of sysfs: https://docs.kernel.org/leds/leds-class.html
 *
 * INVARIANTS:
 * - Nothing is written outside of the limits, those of the settings and those of the device.
 * - One value is one opening, one writing and one closing of the device's file, and is never repeated.
 * - One after the other for each device: behind a driver that does not return nothing else is begun.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { Mom4cError } from '@mom4c/core';
import type { ActuatorRecord, Clock, Log } from '@mom4c/core';
import type { ActuatorSettings } from './actuator-settings.ts';
import { openRoot, withinLimit, type Root } from './bounded-read.ts';

export type Actuators = {
  /** In the order of the settings. */
  list(): Promise<ActuatorRecord[]>;
  /** @param before Unix milliseconds: not after this
   *  @throws Mom4cError M4C_ACTUATOR_UNKNOWN, M4C_ACTUATOR_LIMIT, M4C_ACTUATOR_FAILED, M4C_EXPIRED, M4C_OUTCOME_UNKNOWN */
  set(name: string, value: number, before: number): Promise<void>;
  /** All of them, as far as that can be done; what cannot is in the log. */
  makeSafe(): Promise<void>;
};

/** Nobody waits longer for a device. */
const WRITE_LIMIT_MS = 2000;

/** @param sysfs folder, normally /sys */
export async function openActuators(
  sysfs: string,
  settings: ActuatorSettings,
  clock: Pick<Clock, 'now'>,
  log: Pick<Log, 'info' | 'error'>,
  writeLimitMs = WRITE_LIMIT_MS,
): Promise<Actuators> {
  const root = await openRoot(sysfs);
  const all = new Map(
    Object.entries(settings).map(([name, one]) => [
      name,
      { ...one, device: openLed(root, one.led, writeLimitMs) },
    ]),
  );

  const limitOf = async ({ max, device }: { max: number; device: Led }): Promise<number> =>
    Math.min(max, await device.max());
  const set = async (name: string, value: number, before: number): Promise<void> => {
    const actuator = all.get(name);
    if (!actuator) throw new Mom4cError('M4C_ACTUATOR_UNKNOWN', name.slice(0, 64));
    const limit = await limitOf(actuator);
    if (!Number.isSafeInteger(value) || value < 0 || value > limit)
      throw new Mom4cError('M4C_ACTUATOR_LIMIT', `${value}; whole numbers from 0 to ${limit}`);
    await actuator.device.write(value, () => {
      if (clock.now() >= before) throw new Mom4cError('M4C_EXPIRED', 'not begun before its deadline');
      log.info({ actuator: name, value }, 'sets');
    });
  };
  const record = async (name: string): Promise<ActuatorRecord> => {
    const { max, safe, device } = all.get(name)!;
    try {
      return { name, value: await device.value(), max: await limitOf({ max, device }), safe };
    } catch (error) {
      return { name, max, safe, error: toFault(error).toBody() };
    }
  };
  return {
    list: () => Promise.all([...all.keys()].map(record)),
    set,
    async makeSafe() {
      const tries = [...all].map(async ([name, { safe }]) => {
        try {
          await set(name, safe, Number.MAX_SAFE_INTEGER);
        } catch (error) {
          const { code, detail } = toFault(error);
          log.error({ actuator: name, code, detail }, 'could not be set to its safe value');
        }
      });
      await Promise.all(tries);
    },
  };
}

type Led = {
  value(): Promise<number>;
  max(): Promise<number>;
  /** @param begin called when it is its turn; a throw leaves the device alone */
  write(value: number, begin: () => void): Promise<void>;
};

function openLed(root: Root, led: string, writeLimitMs: number): Led {
  const own = `class/leds/${led}`;
  const number = async (file: string): Promise<number> => {
    const text = await root.text(`${own}/${file}`).catch(asFault);
    if (!/^\d{1,9}$/.test(text)) throw new Mom4cError('M4C_ACTUATOR_FAILED', `${file} is no number`);
    return Number(text);
  };
  /** Settled when the device is free. */
  let turn: Promise<unknown> = Promise.resolve();
  return {
    value: () => number('brightness'),
    max: () => number('max_brightness'),
    write(value, begin) {
      let state: 'waiting' | 'begun' | 'given up' = 'waiting';
      const work = turn.then(async () => {
        const path = await root.resolve(`${own}/brightness`).catch(asFault);
        if (state === 'given up') return;
        begin();
        state = 'begun';
        await writeOnce(path, `${value}\n`).catch(asFault);
      });
      turn = work.catch(() => {});
      return withinLimit(work, writeLimitMs, () => {
        if (state === 'begun') return new Mom4cError('M4C_OUTCOME_UNKNOWN', 'its driver does not return');
        state = 'given up';
        return new Mom4cError('M4C_ACTUATOR_FAILED', 'its driver has not returned from the value before');
      });
    },
  };
}

/** sysfs has no use for O_TRUNC; a tree of files for tests does. */
async function writeOnce(path: string, text: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW);
  try {
    await file.write(text);
  } finally {
    await file.close();
  }
}

function asFault(error: unknown): never {
  throw toFault(error);
}

/** Never the path: it is of no use to the reader of a command's result. */
function toFault(error: unknown): Mom4cError {
  if (error instanceof Mom4cError)
    return error.code === 'M4C_SENSOR_UNREADABLE'
      ? new Mom4cError('M4C_ACTUATOR_FAILED', error.detail)
      : error;
  const { code } = error as NodeJS.ErrnoException;
  return new Mom4cError('M4C_ACTUATOR_FAILED', code ?? 'unknown reason', { cause: error });
}
