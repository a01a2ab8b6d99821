/** What a node may set: a name of ours, the device behind it, and the limits that hold whatever anybody commands. */
import { isActuatorName } from '@mom4c/core';
import * as z from 'zod';

/** As Linux names LED class devices, `beaglebone:green:usr0`: a name, and no way to anywhere. */
const ledName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9:._-]{0,63}$/, 'not a name of an LED class device');
const MAX_VALUE = 1_000_000;
const MAX_ACTUATORS = 64;

const actuator = z
  .strictObject({ led: ledName, max: z.int().min(1).max(MAX_VALUE), safe: z.int().min(0).max(MAX_VALUE) })
  .refine(({ max, safe }) => safe <= max, 'the safe value is above the maximum');

export const actuatorsSchema = z
  .record(
    z.string().refine(isActuatorName, 'not a name: lower-case letters, digits, dash, underscore'),
    actuator,
  )
  .refine((all) => Object.keys(all).length <= MAX_ACTUATORS, `more than ${MAX_ACTUATORS} actuators`);

export type ActuatorSettings = z.output<typeof actuatorsSchema>;
