/** Builds what `built.mjs` describes, with esbuild; run as a program under this checkout's lock. */
import { readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DIST, isBuilt, PROGRAMS, ROOT, STAMP } from './built.mjs';
import { placed } from './placed.mjs';

const OURS = /\/(?:packages|apps|infra)\/[^?]*\.(?:ts|mjs)$/;
const places = {
  name: 'places',
  setup({ onLoad }) {
    onLoad({ filter: OURS }, ({ path }) => {
      if (path.includes('/node_modules/')) return undefined;
      return { contents: placed(readFileSync(path, 'utf8'), path), loader: 'ts' };
    });
  },
};

async function run() {
  const { build } = await import('esbuild');
  console.error('mom4c: building the programs');
  const started = new Date();
  rmSync(DIST, { recursive: true, force: true });
  await build({
    absWorkingDir: ROOT,
    entryPoints: PROGRAMS,
    outdir: DIST,
    bundle: true,
    splitting: true,
    chunkNames: '[name]-[hash]',
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // Libraries as modules where there are both: what nobody uses of them is left out.
    mainFields: ['module', 'main'],
    // Some libraries are CommonJS and ask for Node's own modules.
    banner: {
      js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
    },
    plugins: [places],
    logLevel: 'warning',
  });
  writeFileSync(join(DIST, 'package.json'), '{ "type": "module" }\n');
  const stamp = join(DIST, STAMP);
  writeFileSync(stamp, '');
  // What was changed meanwhile may not be in it.
  utimesSync(stamp, started, started);
}

if (!isBuilt()) await run();
