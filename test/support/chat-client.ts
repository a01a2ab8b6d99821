/** A person who chats with a stock XMPP client: Debian's slixmpp, driven by chat_client.py. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PYTHON = '/usr/bin/python3';
const DRIVER = join(import.meta.dirname, 'chat_client.py');
const TAKE_MS = 20_000;

/** A stanza that came to the client. */
export type Seen = {
  readonly name: 'message' | 'presence' | 'iq';
  readonly from: string | null;
  readonly to: string | null;
  readonly type: string | null;
  readonly id: string | null;
  readonly body: string | null;
  readonly show: string | null;
  /** Condition (RFC 6120 §8.3.3). */
  readonly error: string | null;
  /** The room that it invites to (XEP-0045 §7.8.2). */
  readonly invited: string | null;
  /** Status codes of XEP-0045. */
  readonly codes: readonly string[];
};

export type ChatAnswer = {
  /** Condition, or `timeout`. */
  readonly error?: string;
  readonly subscription?: string;
  readonly occupants?: readonly string[];
  readonly software?: string;
  readonly items?: readonly string[];
};

export type ChatClient = {
  readonly jid: string;
  /** With the resource that the server gave. */
  readonly full: string;
  readonly version: string;
  /** @param task `op` and what it needs, see chat_client.py */
  perform(task: Readonly<Record<string, string>>): Promise<ChatAnswer>;
  /** The first stanza that looks so, of those that came and were not taken before, or that are to come.
   *  @throws Error after 20 s, with what came instead */
  take(looks: Partial<Omit<Seen, 'codes'>>): Promise<Seen>;
  /** What came and was not taken. */
  readonly untaken: readonly Seen[];
  stop(): Promise<void>;
};

/** @param account host and port take direct TLS @throws Error if it does not get in */
export async function startChatClient(account: {
  readonly jid: string;
  readonly passwordFile: string;
  readonly port: number;
  readonly ca: string;
}): Promise<ChatClient> {
  const args = [
    '-B',
    DRIVER,
    account.jid,
    account.passwordFile,
    '127.0.0.1',
    String(account.port),
    account.ca,
  ];
  const child = spawn(PYTHON, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const waiting = new Map<number, (answer: ChatAnswer) => void>();
  const untaken: Seen[] = [];
  const takers = new Set<{ readonly looks: Partial<Seen>; readonly take: (seen: Seen) => void }>();
  const first = Promise.withResolvers<{ ready?: { version: string; jid: string }; failed?: string }>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, stanza, ...said } = JSON.parse(line);
    if (stanza !== undefined) return deliver(stanza);
    if (id === undefined) return first.resolve(said);
    waiting.get(id)?.(said);
    waiting.delete(id);
  });
  function deliver(seen: Seen): void {
    for (const taker of takers)
      if (fits(seen, taker.looks)) {
        takers.delete(taker);
        return taker.take(seen);
      }
    untaken.push(seen);
  }
  void exited.then(() => {
    first.resolve({ failed: 'the client has ended' });
    for (const settle of waiting.values()) settle({ error: 'ended' });
  });
  const { ready, failed } = await first.promise;
  if (!ready) throw new Error(`${account.jid}: ${failed}`);

  let count = 0;
  return {
    jid: account.jid,
    full: ready.jid,
    version: ready.version,
    untaken,
    perform: (task) =>
      new Promise((resolve) => {
        const id = ++count;
        waiting.set(id, resolve);
        child.stdin.write(`${JSON.stringify({ id, ...task })}\n`);
      }),
    take: (looks) => {
      const at = untaken.findIndex((seen) => fits(seen, looks));
      if (at >= 0) return Promise.resolve(untaken.splice(at, 1)[0]!);
      const { promise, resolve, reject } = Promise.withResolvers<Seen>();
      const taker = { looks, take: resolve };
      takers.add(taker);
      const limit = setTimeout(() => {
        takers.delete(taker);
        const [wish, came] = [JSON.stringify(looks), untaken.map((seen) => JSON.stringify(seen))];
        reject(new Error([`${account.jid} got no ${wish}, but:`, ...came].join('\n')));
      }, TAKE_MS);
      return promise.finally(() => clearTimeout(limit));
    },
    async stop() {
      child.stdin.end();
      await exited;
    },
  };
}

function fits(seen: Seen, looks: Partial<Seen>): boolean {
  return Object.entries(looks).every(([name, value]) => seen[name as keyof Seen] === value);
}
