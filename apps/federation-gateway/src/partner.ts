/** Partners: the domains that this one talks to, and what is known of each. */
import type { GatewayDescriptor } from '@mom4c/saml';

/** How a partner proves who it is; docs/federation.md. Each is less than the one after it. */
export const LEVELS = ['permissive', 'verified', 'encrypted', 'sso'] as const;
export type Level = (typeof LEVELS)[number];

export type Partner = {
  readonly domain: string;
  readonly level: Level;
  /** For which it speaks, `domain` among them. */
  readonly hosts: readonly string[];
  /** Of its gateway, or of its own server below sso; `srv`: as its DNS says. */
  readonly address: { readonly host: string; readonly port: number } | 'srv';
  /** DER, pinned; empty where there are none. */
  readonly certificates: readonly Uint8Array[];
  /** PEM; under which certificates for its hosts are accepted. */
  readonly authority: string | undefined;
  /** As the metadata of the federation describe its gateway; sso only. */
  readonly agent: GatewayDescriptor | undefined;
  /** Of its assertions: name → allowed values; all must be met. */
  readonly attributes: Readonly<Record<string, readonly string[]>>;
  /** Entity ids: which alone may vouch for it, or which the configuration names for others. Absent: it names none. */
  readonly identityProviders?: { readonly only: readonly string[] } | { readonly allBut: readonly string[] };
  /** `manual`: only once an administrator has said so. */
  readonly connect: 'always' | 'manual';
};

/** Current at every call. */
export type Partners = {
  all(): readonly Partner[];
  /** By its domain. */
  find(domain: string): Partner | undefined;
  ofHost(host: string): Partner | undefined;
  /** @returns what ends that */
  onChange(listener: () => void): () => void;
};
