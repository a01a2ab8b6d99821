/** A person with a stock XMPP client: Debian's slixmpp, driven by stock_client.py. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { DomainDescription } from '@mom4c/lab';

const PYTHON = '/usr/bin/python3';
const DRIVER = join(import.meta.dirname, 'stock_client.py');

export type StockError = {
  /** RFC 6120 §8.3.3 */
  readonly condition: string;
  readonly text: string;
  /** Of our catalogue. */
  readonly code: string | null;
  /** XEP-0050 §3.4. */
  readonly protocol: string | null;
};

type FormField = { type: string; required: boolean; values: string[]; description: string | null };

export type StockAnswer = {
  readonly error?: StockError;
  /** The server has ended the stream. */
  readonly ended?: true;
  readonly timeout?: true;
  /** Node and name of each. */
  readonly items?: [string, string][];
  readonly identities?: [string, string][];
  readonly features?: string[];
  readonly status?: string;
  readonly sessionid?: string;
  readonly notes?: [string, string][];
  readonly actions?: string[];
  readonly form?: Record<string, FormField>;
  readonly columns?: string[];
  readonly rows?: string[][];
  readonly xml?: string;
};

export type Fields = Readonly<Record<string, string | readonly string[]>>;

export type StockClient = {
  /** How it got in, or why not. */
  readonly mechanism: string | undefined;
  readonly failed: string | undefined;
  items(jid: string, node?: string): Promise<StockAnswer>;
  info(jid: string, node?: string): Promise<StockAnswer>;
  /** One step of an ad-hoc command. */
  step(
    node: string,
    more?: { action?: string; sessionid?: string | undefined; fields?: Fields | undefined },
  ): Promise<StockAnswer>;
  /** Begins it, fills in its form and completes it. */
  run(node: string, fields?: Fields): Promise<StockAnswer>;
  /** Octets as they are. @param stanza id of the answer that is awaited */
  raw(xml: string, stanza: string): Promise<StockAnswer>;
  stop(): Promise<void>;
};

export async function startStockClient(
  { xmpp, caCertificate, people }: DomainDescription,
  { jid, passwordFile }: { jid: string; passwordFile: string },
): Promise<StockClient> {
  const args = ['-B', DRIVER, jid, passwordFile, xmpp.host, String(xmpp.port), caCertificate];
  const child = spawn(PYTHON, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const waiting = new Map<number, (answer: StockAnswer) => void>();
  const first = Promise.withResolvers<{ ready?: { mechanism: string }; failed?: string }>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, ...said } = JSON.parse(line);
    if (id === undefined) return first.resolve(said);
    waiting.get(id)?.(said);
    waiting.delete(id);
  });
  void exited.then(() => {
    first.resolve({ failed: 'the client has ended' });
    for (const settle of waiting.values()) settle({ ended: true });
  });
  const { ready, failed } = await first.promise;

  let count = 0;
  const call = (task: object): Promise<StockAnswer> =>
    new Promise((resolve) => {
      const id = ++count;
      waiting.set(id, resolve);
      child.stdin.write(`${JSON.stringify({ id, ...task })}\n`);
    });
  const to = people!.commands;
  const step: StockClient['step'] = (node, { action, sessionid, fields } = {}) =>
    call({
      op: 'command',
      jid: to,
      node,
      action,
      sessionid,
      fields:
        fields && Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, [value].flat()])),
    });
  return {
    mechanism: ready?.mechanism,
    failed,
    items: (of, node) => call({ op: 'items', jid: of, node }),
    info: (of, node) => call({ op: 'info', jid: of, node }),
    step,
    async run(node, fields = {}) {
      const begun = await step(node);
      if (begun.status !== 'executing') return begun;
      return step(node, { action: 'complete', sessionid: begun.sessionid, fields });
    },
    raw: (xml, stanza) => call({ op: 'raw', xml, stanza }),
    async stop() {
      child.stdin.end();
      await exited;
    },
  };
}
