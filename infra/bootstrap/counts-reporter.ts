/** A reporter of node:test for programs: how many tests there were, as JSON. */
import type { TestEvent } from 'node:test/reporters';
import { countsOf } from './test-run.ts';

export default async function* counts(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events)
    if (type === 'test:summary' && data.file === undefined) yield JSON.stringify(countsOf(data));
}
