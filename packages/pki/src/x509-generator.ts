/** @peculiar/x509, for those who make certificates and revocation lists. Its files are many, and most programs make none. */
export type Generator = Omit<typeof import('@peculiar/x509'), 'default'>;

export async function loadGenerator(): Promise<Generator> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}
