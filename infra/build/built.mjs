/**
 * The programs as one file each, beside their sources: Node reads a few files then, where it would look for hundreds.
 * Plain JavaScript, since `mom4c` is started by whatever Node the shell has.
 */
import { readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const DIST = `${ROOT}dist/`;
/** Written last, so what stands in `dist` is whole; of the time at which the build began. */
export const STAMP = '.built';

/** What Node has compiled once it need not compile again for each of the many processes. */
export const COMPILED = `${ROOT}node_modules/.cache/node-compile`;

/** What is started as a process or a thread: its name in `dist`, and its source. */
export const PROGRAMS = {
  'actuator-agent': 'apps/task-executor/src/actuator-agent.ts',
  'certificate-authority': 'apps/certificate-authority/src/main.ts',
  cli: 'apps/cli/src/main.ts',
  'cluster-manager': 'apps/cluster-manager/src/main.ts',
  'command-adapter': 'apps/command-adapter/src/main.ts',
  'federation-gateway': 'apps/federation-gateway/src/main.ts',
  lab: 'infra/lab/src/main.ts',
  'metadata-worker': 'apps/federation-gateway/src/agent/metadata-worker.ts',
  'sensor-agent': 'apps/task-executor/src/sensor-agent.ts',
  'task-executor': 'apps/task-executor/src/main.ts',
};

const SOURCES = ['packages', 'apps', 'infra/lab'];
const OTHERS = [
  'package-lock.json',
  'infra/build/build.mjs',
  'infra/build/built.mjs',
  'infra/build/placed.mjs',
];

/** The path to start: what was built, as long as no source is newer; else the source, which Node 24 can read. */
export function programFile(name) {
  return isBuilt() ? `${DIST}${name}.js` : `${ROOT}${PROGRAMS[name]}`;
}

export function isBuilt(root = ROOT) {
  const built = statSync(`${root}dist/${STAMP}`, { throwIfNoEntry: false })?.mtimeMs;
  if (built === undefined) return false;
  const isOlder = (path) => statSync(path).mtimeMs < built;
  return (
    OTHERS.every((path) => isOlder(root + path)) && SOURCES.every((folder) => allIn(root + folder, isOlder))
  );
}

/** Whether it holds for all sources below the folder. */
function allIn(folder, holds) {
  return readdirSync(folder, { withFileTypes: true }).every((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' || allIn(path, holds);
    return !/\.(?:ts|json)$/.test(entry.name) || entry.name.endsWith('.test.ts') || holds(path);
  });
}
