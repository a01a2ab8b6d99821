/**
 * The tasks that `node infra/bootstrap/start.mjs <task>` knows. Plain JavaScript, since the starter reads it before
 * Node 24 is there.
 *   servers  whether the task needs the Debian packages
 *   run      program and first arguments, relative to the root, run under Node 24; none: only install
 */
const tasks = 'infra/bootstrap/tasks.ts';

export const taskList = {
  setup: { servers: true },
  check: { servers: false, run: [tasks, 'check'] },
  lint: { servers: false, run: [tasks, 'lint'] },
  format: { servers: false, run: [tasks, 'format'] },
  unit: { servers: false, run: [tasks, 'unit'] },
  test: { servers: true, run: [tasks, 'test'] },
  'test:long': { servers: true, run: [tasks, 'test:long'] },
  lock: { servers: false, run: ['infra/bootstrap/lock.ts'] },
  docs: { servers: false, run: ['infra/docs/generate.ts'] },
  demo: { servers: true, run: ['infra/lab/src/demo.ts'] },
};
