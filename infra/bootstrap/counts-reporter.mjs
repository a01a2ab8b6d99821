/** A reporter of node:test for programs: how many tests there were, as JSON. */
export default async function* counts(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:summary' || data.file !== undefined) continue;
    const { tests, passed, skipped, todo } = data.counts;
    const left = skipped + todo;
    yield JSON.stringify({ passed, failed: tests - passed - left, skipped: left });
  }
}
