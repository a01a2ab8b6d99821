/** The folder of a server: its configuration, certificates and data, and whose they are. */
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import type { ProcessUser } from './keeper.ts';

/** Paths of PEM files: own certificate (with its chain, if any), own key, and the authority to trust. */
export type TlsFiles = { readonly cert: string; readonly key: string; readonly ca: string };

export type ServerFolder = {
  /** Absolute. */
  readonly path: string;
  /** The user as whom the server is to run; undefined: as we do. */
  readonly user: ProcessUser | undefined;
  /** Makes a subfolder of mode 0700. @returns its path */
  folder(name: string): string;
  /** Writes a file; mode 0600, unless another is given. @returns its path */
  write(name: string, content: string | Buffer, mode?: number): string;
};

/**
 * Makes the folder, or takes an existing one over, and copies the certificates to `tls/`, so that they are the
 * server's own files. Where we are root, and its Debian package has made a user who can get there, the folder becomes
 * that user's.
 */
export function prepareServerFolder(path: string, tls: TlsFiles, packageUser: string): ServerFolder {
  const root = resolve(path);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const user = unprivilegedUser(packageUser, dirname(root));
  const own = (file: string, mode: number): string => {
    if (user) chownSync(file, user.uid, user.gid);
    chmodSync(file, mode);
    return file;
  };
  const folder: ServerFolder = {
    path: root,
    user,
    folder(name) {
      mkdirSync(join(root, name), { recursive: true, mode: 0o700 });
      return own(join(root, name), 0o700);
    },
    write(name, content, mode = 0o600) {
      const file = join(root, name);
      // Made anew, so that neither the mode nor a link of an older file counts.
      rmSync(file, { force: true });
      writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
      return own(file, mode);
    },
  };
  own(root, 0o700);
  folder.folder('tls');
  for (const name of ['cert', 'key', 'ca'] as const)
    folder.write(join('tls', `${name}.pem`), readFileSync(tls[name]));
  return folder;
}

/** @throws Mom4cError M4C_PACKAGE_MISSING with the command that installs it */
export function findProgram(name: string, debianPackage: string): string {
  // Servers stand in sbin, which is not in the PATH of an ordinary user.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  const found = folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
  if (found === undefined) throw packageMissing(name, debianPackage);
  return found;
}

export function packageMissing(what: string, debianPackage: string): Mom4cError {
  return new Mom4cError(
    'M4C_PACKAGE_MISSING',
    `${what}: sudo apt-get install --no-install-recommends ${debianPackage}`,
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function unprivilegedUser(name: string, parent: string): ProcessUser | undefined {
  if (process.getuid?.() !== 0 || !isOpenToOthers(parent)) return undefined;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : undefined;
}

/** May anybody pass through this folder and those above it? (Not through /root, for example.) */
function isOpenToOthers(folder: string): boolean {
  for (let path = folder; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) return false;
    if (path === dirname(path)) return true;
  }
}
