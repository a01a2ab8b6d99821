/** The certificate authority alone, as its operator runs it: a process, its configuration, its verbs, its log. */
import assert from 'node:assert/strict';
import { execFile, fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { programFile } from '@mom4c/build';

export type LogLine = { readonly msg?: string } & Readonly<Record<string, unknown>>;

export type StandaloneAuthority = {
  readonly folder: string;
  /** SHA-256 of its certificate, hex. */
  readonly fingerprint: string;
  /** Of its SCEP service; a new one after each start. */
  readonly url: string;
  readonly adminPort: number;
  /** Everything that it has written so far. */
  readonly output: string;
  /** Tokens that were made with `token`. */
  readonly tokens: readonly string[];
  /** Lines of its log, oldest first. */
  lines(): LogLine[];
  /** @param more lines of YAML for its configuration, from the next start on */
  configure(...more: string[]): void;
  start(): Promise<void>;
  /** Must end with exit code 0. */
  stop(): Promise<void>;
  /** A verb of the operator. @returns what it printed */
  verb(name: string, ...args: string[]): Promise<string>;
  /** The verb `batch`. @returns what it printed, and its exit code */
  batch(...orders: (readonly string[])[]): Promise<{ stdout: string; code: number }>;
  token(name: string, role: string, ...args: string[]): Promise<string>;
  /** Resolves with the next line of that message which also contains the text. */
  logged(message: string, text: string): Promise<LogLine>;
  /** Behind its back: what time or an accident would do. */
  alter(sql: string, ...values: (string | number | Uint8Array)[]): void;
};

const MAIN = programFile('certificate-authority');
export const AUTHORITY_PASSWORD = 'correct horse battery staple';
const LOG_LIMIT_MS = 30_000;
/** Of the database: the service may be writing. */
const LOCK_LIMIT_MS = 10_000;
const run = promisify(execFile);

/** Made (`init`), but not started. The caller removes the folder. */
export async function createStandaloneAuthority(
  folder: string,
  domain: string,
  ...settings: string[]
): Promise<StandaloneAuthority> {
  const config = join(folder, 'certificate-authority.yml');
  const listeners = new Set<(line: LogLine, text: string) => void>();
  const tokens: string[] = [];
  let output = '';
  let service: ChildProcess | undefined;
  let ready = { scep: 0, admin: 0 };

  const configure = (...more: string[]): void => {
    const lines = [
      `domain: ${domain}`,
      'state: state',
      'keystore: { file: authority.p12, passwordFile: password }',
      'scep: { port: 0 }',
      'admin: { port: 0 }',
      ...more,
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
  };
  const verb = async (name: string, ...args: string[]): Promise<string> =>
    (await run(process.execPath, [MAIN, name, '--config', config, ...args])).stdout;

  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'password'), AUTHORITY_PASSWORD, { mode: 0o600 });
  configure(...settings);
  const fingerprint = (await verb('init')).trim();

  return {
    folder,
    fingerprint,
    tokens,
    get url() {
      return `http://127.0.0.1:${ready.scep}/scep`;
    },
    get adminPort() {
      return ready.admin;
    },
    get output() {
      return output;
    },
    lines: () => output.split('\n').flatMap(parseLine),
    configure,
    verb,

    async batch(...orders) {
      const child = spawn(process.execPath, [MAIN, 'batch', '--config', config], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      const ended = once(child, 'exit');
      child.stdin.end(orders.map((order) => `${JSON.stringify(order)}\n`).join(''));
      const stdout = await text(child.stdout);
      const [code] = (await ended) as [number];
      return { stdout, code };
    },

    async start() {
      const child = fork(MAIN, ['serve', '--config', config], { silent: true });
      service = child;
      child.stderr!.on('data', (data: Buffer) => (output += data));
      createInterface({ input: child.stdout! }).on('line', (text) => {
        output += `${text}\n`;
        for (const line of parseLine(text)) for (const listener of listeners) listener(line, text);
      });
      const ended = once(child, 'exit').then(() =>
        Promise.reject(new Error(`it ended: ${output.slice(-2000)}`)),
      );
      // Once it is ready, its end is awaited elsewhere.
      ended.catch(() => {});
      const [message] = (await Promise.race([once(child, 'message'), ended])) as [
        { type: string; scep: number; admin: number },
      ];
      assert.equal(message.type, 'ready');
      ready = message;
    },

    async stop() {
      if (!service || service.exitCode !== null || service.signalCode !== null) return;
      const ended = once(service, 'close');
      service.kill('SIGTERM');
      const [code] = await ended;
      assert.equal(code, 0, output.slice(-2000));
    },

    async token(name, role, ...args) {
      const printed = await verb('token', '--name', name, '--role', role, ...args);
      const token = printed.trim().split('\n').at(-1)!;
      assert.match(token, /^[\w-]{27}$/);
      tokens.push(token);
      return token;
    },

    logged: (message, text) =>
      new Promise((resolve, reject) => {
        const limit = setTimeout(
          () => reject(new Error(`not logged: ${message}: ${text}\n${output.slice(-2000)}`)),
          LOG_LIMIT_MS,
        );
        const listener = (line: LogLine, whole: string): void => {
          if (line.msg !== message || !whole.includes(text)) return;
          listeners.delete(listener);
          clearTimeout(limit);
          resolve(line);
        };
        listeners.add(listener);
      }),

    alter(sql, ...values) {
      const database = new DatabaseSync(join(folder, 'state', 'certificate-authority.sqlite'), {
        timeout: LOCK_LIMIT_MS,
      });
      database.prepare(sql).run(...values);
      database.close();
    },
  };
}

function parseLine(text: string): LogLine[] {
  return text.startsWith('{') ? [JSON.parse(text) as LogLine] : [];
}
