/** An LED class device whose brightness is a FIFO: each act shows. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFifo } from './fifo.ts';
import type { Fifo } from './fifo.ts';

export function makeLed(sysfs: string, name: string, most = 255): Fifo {
  const own = join(sysfs, 'class/leds', name);
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, 'max_brightness'), `${most}\n`);
  return makeFifo(join(own, 'brightness'));
}
