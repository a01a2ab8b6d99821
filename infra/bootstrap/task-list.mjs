/**
 * The tasks that `node infra/bootstrap/start.mjs <task>` knows. Plain JavaScript, since the starter reads it before
 * Node 24 is there.
 *   debian  groups of Debian packages (debian-packages.mjs) that the task needs; none: no package
 *   later   groups that are installed while it runs: before it needs them it waits for them, by the task `setup`
 *   run     program and first arguments, relative to the root, run under Node 24; none: only install
 */
const tasks = 'infra/bootstrap/tasks.ts';
const all = ['unit', 'lab', 'test'];

export const taskList = {
  setup: { debian: all },
  check: { debian: ['unit'], run: [tasks, 'check'] },
  lint: { run: [tasks, 'lint'] },
  format: { run: [tasks, 'format'] },
  unit: { debian: ['unit'], run: [tasks, 'unit'] },
  test: { debian: ['unit'], later: all, run: [tasks, 'test'] },
  'test:long': { debian: all, run: ['test/long/main.ts'] },
  fuzz: { run: ['test/fuzz/main.ts'] },
  bench: { debian: ['lab'], run: ['infra/bootstrap/bench.ts'] },
  lock: { run: ['infra/bootstrap/lock.ts'] },
  docs: { run: ['infra/docs/generate.ts'] },
  'docs:federation': { debian: all, run: ['test/interop/federation-page.ts'] },
  'docs:scep': { debian: all, run: ['test/interop/scep-matrix.ts'] },
  'docs:idp': { debian: all, run: ['test/interop/identity-provider-matrix.ts'] },
  demo: { debian: ['lab'], run: ['infra/lab/src/demo.ts'] },
};
