/** /sys/bus/iio: https://docs.kernel.org/driver-api/iio/ and Documentation/ABI/testing/sysfs-bus-iio of the kernel. */
import type { Root } from '../bounded-read.ts';
import { label, parseNumber, scaled, type Sensor, type Unit } from './values.ts';

const BUS = 'bus/iio/devices';
const CHANNEL = /^in_(([a-z]+)(\d*)(?:-[a-z]+\d+)?(_[a-z0-9]+)??)_(raw|input)$/;

/** What (raw + offset) × scale, or a ready `input`, is in by that ABI, to the SenML unit. */
const KINDS: Readonly<Record<string, { unit: Unit; scale: number }>> = {
  temp: { unit: 'Cel', scale: 1e-3 },
  voltage: { unit: 'V', scale: 1e-3 },
  current: { unit: 'A', scale: 1e-3 },
  power: { unit: 'W', scale: 1e-3 },
  energy: { unit: 'J', scale: 1 },
  pressure: { unit: 'Pa', scale: 1e3 },
  humidityrelative: { unit: '%RH', scale: 1e-3 },
  illuminance: { unit: 'lx', scale: 1 },
  accel: { unit: 'm/s2', scale: 1 },
  anglvel: { unit: 'rad/s', scale: 1 },
  // gauss
  magn: { unit: 'T', scale: 1e-4 },
  resistance: { unit: 'Ohm', scale: 1 },
  distance: { unit: 'm', scale: 1 },
};

/** `iio/0-bme280/temp`, `iio/1-mpu6050/accel_x` */
export async function findIio(sysfs: Root): Promise<Sensor[]> {
  const found: Sensor[] = [];
  for (const device of await sysfs.names(BUS)) {
    const index = /^iio:device(\d{1,5})$/.exec(device)?.[1];
    if (index === undefined) continue;
    const folder = `${BUS}/${device}`;
    const name = label((await sysfs.optionalText(`${folder}/name`)) ?? 'unnamed');
    const files = await sysfs.names(folder);
    found.push(...files.flatMap((file) => toSensor(sysfs, folder, files, file, `iio/${index}-${name}`)));
  }
  return found;
}

function toSensor(
  sysfs: Root,
  folder: string,
  files: readonly string[],
  file: string,
  device: string,
): Sensor[] {
  const match = CHANNEL.exec(file);
  const kind = match && KINDS[match[2]!];
  if (!match || !kind) return [];
  const channel = match[1]!;
  const ready = match[5] === 'input';
  if (!ready && files.includes(`in_${channel}_input`)) return [];
  const factor = async (what: 'scale' | 'offset', absent: number): Promise<number> => {
    // A channel's own, else the one that all channels of its kind share.
    const shared = channel.replace(/\d+/g, '').replace(/_.*$/, '');
    const name = [`in_${channel}_${what}`, `in_${shared}_${what}`].find((candidate) =>
      files.includes(candidate),
    );
    return name === undefined ? absent : parseNumber(await sysfs.text(`${folder}/${name}`));
  };
  return [
    {
      name: `${device}/${label(channel)}`,
      unit: kind.unit,
      async read() {
        const value = parseNumber(await sysfs.text(`${folder}/${file}`));
        if (ready) return scaled(value, kind.scale);
        return scaled((value + (await factor('offset', 0))) * (await factor('scale', 1)), kind.scale);
      },
    },
  ];
}
