/** What the metadata of a federation say of its identity providers and gateways. */

export type IdpDescriptor = {
  readonly entityId: string;
  /** PEM, or DER in base64; at least one with a key that is accepted. */
  readonly signingCertificates: readonly string[];
  /** Where an AuthnRequest goes, by binding; `soap` for ECP. https URLs, at least one. */
  readonly sso: {
    readonly redirect?: string | undefined;
    readonly post?: string | undefined;
    readonly soap?: string | undefined;
  };
  /** Domains for which alone it may speak; undefined: the metadata do not say. */
  readonly scopes?: readonly string[];
  /** Milliseconds; undefined: as long as the metadata. */
  readonly validUntil?: number;
};

export type GatewayDescriptor = {
  /** Of the XMPP domain; one of `hosts`. */
  readonly domain: string;
  /** All that it speaks for. */
  readonly hosts: readonly string[];
  readonly entityId: string;
  /** DER; pinned for TLS of S2S and of the agent. */
  readonly certificates: readonly Uint8Array[];
  /** undefined: as DNS says. */
  readonly s2s: { readonly host: string; readonly port: number } | undefined;
  /** Every challenge of its authentication agent begins with it; https. */
  readonly agentUrl: string;
  /** Where assertions go, by binding; https. */
  readonly consumerUrls: { readonly post: string; readonly paos: string };
  /** Where a discovery service sends its answer; https. */
  readonly discoveryUrl?: string | undefined;
  /** Milliseconds; undefined: as long as the metadata. */
  readonly validUntil?: number;
};

export type FederationMetadata = {
  readonly idps: readonly IdpDescriptor[];
  readonly gateways: readonly GatewayDescriptor[];
  /** Where the user chooses an identity provider; https. */
  readonly discovery?: string | undefined;
  /** Milliseconds. */
  readonly validUntil: number;
  /** Milliseconds; undefined: they do not say when they were made. */
  readonly createdAt?: number;
  /** SHA-256 of what is signed, in hexadecimal. */
  readonly digest: string;
  /** Identity providers without a key or an address that can be used, and why. */
  readonly leftOut: readonly { readonly entityId: string; readonly reason: string }[];
};
