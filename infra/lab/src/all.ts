/** As Promise.all, but waits for the end of all even if one fails: so nothing goes on behind the back of a clean-up. */
export async function all<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
