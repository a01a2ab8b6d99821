// Mutations seen red: nothing remembered; forgotten before its time; never forgotten; remembered without the issuer; no
// limit.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fakeClock, isError } from '../test-fakes.ts';
import { openUsedAssertions } from './used-assertions.ts';

const issuer = 'https://idp.test/';
const replay = isError('M4C_ASSERTION_REPLAY');

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-used-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('an assertion is used once, also after a restart, until it is not valid any more', (context) => {
  const folder = folderOf(context);
  const clock = fakeClock();
  const until = clock.now() + 60_000;
  const first = openUsedAssertions(folder, clock);
  first.use({ issuer, id: '_1', until });
  first.use({ issuer, id: '_2', until });
  first.use({ issuer: 'https://other.test/', id: '_1', until });
  assert.throws(() => first.use({ issuer, id: '_1', until }), replay);
  first.close();

  const second = openUsedAssertions(folder, clock);
  context.after(() => second.close());
  assert.throws(() => second.use({ issuer, id: '_1', until }), replay);
  clock.advance(60_000);
  assert.throws(() => second.use({ issuer, id: '_1', until }), replay);
  clock.advance(1);
  second.use({ issuer, id: '_1', until: until + 60_000 });
  assert.equal(statSync(join(folder, 'used-assertions.sqlite')).mode & 0o777, 0o600);
});

test('where there is no room the next is refused, and none is forgotten', (context) => {
  const clock = fakeClock();
  const used = openUsedAssertions(folderOf(context), clock, 2);
  context.after(() => used.close());
  const until = clock.now() + 60_000;
  used.use({ issuer, id: '_1', until });
  used.use({ issuer, id: '_2', until });
  assert.throws(() => used.use({ issuer, id: '_3', until }), isError('M4C_BUSY'));
  clock.advance(60_001);
  used.use({ issuer, id: '_3', until: until + 60_000 });
});
