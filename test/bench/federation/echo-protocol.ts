/** What the benchmark and the client that is pinged say to each other, over Node's IPC. */
import type { SessionSettings } from '@mom4c/xmpp';

export type Account = Pick<SessionSettings, 'host' | 'port' | 'domain' | 'jid' | 'tls'>;

export type ToEcho = { readonly type: 'start'; readonly accounts: readonly Account[] };
export type FromEcho = { readonly type: 'ready'; readonly pid: number };
