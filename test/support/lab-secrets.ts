/** The secrets of a lab, and where they might have slipped out: logs, argument lists, environments. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { familyOf, identify } from '@mom4c/lab';
import { readKeystore } from '@mom4c/pki';

const SECRET_MIN = 12;
/** Files that hold a password alone. */
const PASSWORD = /(^|\/)(password|[a-z]+-secret|accounts\/[^/]+|\.erlang\.cookie)$/;
const KEY = /(key\.pem|\.key)$/;

/** By name: every password, and every private key in the forms in which it could slip out. */
export async function secretsBelow(root: string): Promise<ReadonlyMap<string, string>> {
  const secrets = new Map<string, string>();
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const path = join(root, name);
    if (!statSync(path, { throwIfNoEntry: false })?.isFile()) continue;
    if (PASSWORD.test(name)) secrets.set(name, readFileSync(path, 'utf8').trim());
    if (KEY.test(name)) addKey(name, readFileSync(path, 'utf8'));
    if (name.endsWith('keystore.p12')) {
      const password = readFileSync(path.replace('keystore.p12', 'password'), 'utf8').trim();
      const { key } = await readKeystore(path, password).catch(() => ({ key: undefined }));
      if (!key) continue;
      addKey(name, key.export({ type: 'pkcs8', format: 'pem' }).toString());
      const { d } = key.export({ format: 'jwk' });
      secrets.set(`${name} base64url`, d!);
      secrets.set(`${name} hex`, Buffer.from(d!, 'base64url').toString('hex'));
    }
  }
  return secrets;

  /** The second line of the PEM: the first one says little more than what kind of key it is. */
  function addKey(name: string, pem: string): void {
    const line = pem.split('\n')[2]!;
    assert.ok(line.length >= SECRET_MIN);
    secrets.set(`${name} PEM`, line);
  }
}

type Words = {
  /** By path. */
  readonly logs: ReadonlyMap<string, string>;
  /** `cmdline` and `environ` of each, by path. */
  readonly processes: ReadonlyMap<string, string>;
};

/** What is to be read of all logs below, and of these processes and their families. */
export function wordsOf(below: string, leaders: readonly number[]): Words {
  const logs = readdirSync(below, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.log'))
    .map((name) => join(below, name))
    .filter((path) => statSync(path).isFile());
  const pids = new Set(
    leaders.flatMap((pid) => [pid, ...familyOf(identify(pid)!).map((member) => member.pid)]),
  );
  const processes = [...pids].flatMap((pid) => ['cmdline', 'environ'].map((file) => `/proc/${pid}/${file}`));
  const read = (path: string) => [path, readFileSync(path, 'latin1')] as const;
  return { logs: new Map(logs.map(read)), processes: new Map(processes.map(read)) };
}

export function assertNoSecret(
  secrets: ReadonlyMap<string, string>,
  places: ReadonlyMap<string, string>,
): void {
  for (const [place, text] of places)
    for (const [name, secret] of secrets)
      assert.equal(text.includes(secret), false, `${name} is in ${place}`);
}
