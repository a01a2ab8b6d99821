/** /sys/class/thermal: https://docs.kernel.org/driver-api/thermal/sysfs-api.html */
import type { Root } from '../bounded-read.ts';
import { label, parseNumber, scaled, type Sensor } from './values.ts';

const CLASS = 'class/thermal';

/** `thermal/zone0-x86_pkg_temp` */
export async function findThermal(sysfs: Root): Promise<Sensor[]> {
  const found: Sensor[] = [];
  for (const zone of await sysfs.names(CLASS)) {
    const index = /^thermal_zone(\d{1,5})$/.exec(zone)?.[1];
    if (index === undefined) continue;
    const type = label((await sysfs.optionalText(`${CLASS}/${zone}/type`)) ?? 'unnamed');
    found.push({
      name: `thermal/zone${index}-${type}`,
      unit: 'Cel',
      read: async () => scaled(parseNumber(await sysfs.text(`${CLASS}/${zone}/temp`)), 1e-3),
    });
  }
  return found;
}
