/** The node itself, from procfs (man 5 proc) and the file system under `/`. */
import { Mom4cError } from '@mom4c/core';
import type { Root, Volume } from '../bounded-read.ts';
import { parseNumber, scaled, type Sensor } from './values.ts';

const KIB = 1024;

/** `host/load1`, `host/load5`, `host/load15`, `host/memory-total`, `host/memory-available`, `host/disk-total`,
 *  `host/disk-available`, `host/uptime` */
export function findHost(procfs: Root, disk: Volume): Sensor[] {
  const word = (file: string, index: number) => async (): Promise<number> =>
    parseNumber((await procfs.text(file)).split(/\s+/)[index] ?? '');
  const memory = (field: string) => async (): Promise<number> =>
    parseMeminfo(await procfs.text('meminfo'), field);
  const size = (field: 'total' | 'available') => async (): Promise<number> =>
    scaled((await disk.size())[field], 1);
  return [
    { name: 'host/load1', unit: '/', read: word('loadavg', 0) },
    { name: 'host/load5', unit: '/', read: word('loadavg', 1) },
    { name: 'host/load15', unit: '/', read: word('loadavg', 2) },
    { name: 'host/memory-total', unit: 'B', read: memory('MemTotal') },
    { name: 'host/memory-available', unit: 'B', read: memory('MemAvailable') },
    { name: 'host/disk-total', unit: 'B', read: size('total') },
    { name: 'host/disk-available', unit: 'B', read: size('available') },
    { name: 'host/uptime', unit: 's', read: word('uptime', 0) },
  ];
}

/** `MemTotal:  16303428 kB`, to bytes. @throws Mom4cError M4C_SENSOR_UNREADABLE */
export function parseMeminfo(text: string, field: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${field}:`));
  const value = /^\w+:\s*(\d+) kB$/.exec(line?.trimEnd() ?? '')?.[1];
  if (value === undefined) throw new Mom4cError('M4C_SENSOR_UNREADABLE', `no ${field}`);
  return scaled(parseNumber(value), KIB);
}
