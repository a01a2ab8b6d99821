/** The tests to which the XMPP server is all one run on Prosody in `npm test`: here they run on ejabberd. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endIfInterrupted } from '../support/interruption.ts';
import type { Part, PartResult } from './part.ts';

const TASKS = join(import.meta.dirname, '../../infra/bootstrap/tasks.ts');
const COUNTS = /^(\d+) passed, (\d+) failed, (\d+) skipped$/;

export const otherServer: Part = {
  name: 'other-server',
  what: 'the tests that `npm test` runs on Prosody alone, on ejabberd',
  async run({ say }) {
    const child = spawn(process.execPath, [TASKS, 'other-server'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    const forget = endIfInterrupted(async () => {
      child.kill();
      await ended;
    });
    let counts: PartResult['counts'] = {};
    for await (const line of createInterface({ input: child.stdout })) {
      say(line);
      const [, passed, failed, skipped] = COUNTS.exec(line)?.map(Number) ?? [];
      if (passed !== undefined) counts = { passed, failed: failed!, skipped: skipped! };
    }
    const [code] = await ended;
    forget();
    return { counts, faults: code === 0 ? [] : ['see what it says above'] };
  },
};
