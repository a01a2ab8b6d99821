import { AssertionError } from 'node:assert/strict';

const STALLED_MS = 90_000;

/** What the promise gives, or an assertion that names what did not happen. No test that is green waits for that long. */
export async function settles<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new AssertionError({ message: `still waiting for ${what}` })),
      STALLED_MS,
    );
  });
  try {
    return await Promise.race([promise, stalled]);
  } finally {
    clearTimeout(timer);
  }
}
