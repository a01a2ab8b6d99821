/** What the benchmark and its processes say to each other, over Node's IPC. */
import type { Load, Measured } from '../common/closed-loop.ts';
import type { ProtectionName } from './protection.ts';

export type HopRole = 'client' | 'manager' | 'executor';
export type KeyKind = 'P-256' | 'RSA-2048';

export type HopStart = {
  readonly type: 'start';
  readonly role: HopRole;
  readonly key: KeyKind;
  /** Path of its configuration. */
  readonly config: string;
  /** Where its requests go: full address. The last hop has none. */
  readonly next: string | undefined;
  /** What the last hop answers: a result of `listsensors`. */
  readonly result: unknown;
};

export type HopLoad = Load & { readonly path: 'echo' | ProtectionName };

export type ToHop = HopStart | ({ readonly type: 'load' } & HopLoad) | { readonly type: 'usage' };

export type FromHop =
  | { readonly type: 'ready'; readonly jid: string }
  | ({ readonly type: 'measured' } & Measured)
  /** CPU: seconds since its start. */
  | { readonly type: 'usage'; readonly cpu: number; readonly lookups: number };
