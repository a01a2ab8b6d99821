/** Of a file that grows, a log say: what stands in it from this octet on, without what stands before. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export function octetsFrom(file: string, start: number): Buffer {
  const descriptor = openSync(file, 'r');
  try {
    const octets = Buffer.alloc(Math.max(0, fstatSync(descriptor).size - start));
    return octets.subarray(0, readSync(descriptor, octets, 0, octets.length, start));
  } finally {
    closeSync(descriptor);
  }
}
