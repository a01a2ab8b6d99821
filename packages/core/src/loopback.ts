/** Addresses that nobody outside of this machine can reach. */
const IPV4 = /^127(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;

/** Is it an address of the loopback interface? A name is none: what it means is the resolver's to say. */
export function isLoopback(host: string): boolean {
  return IPV4.test(host) || host === '::1';
}
