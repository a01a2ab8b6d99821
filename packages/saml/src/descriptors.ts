/** What metadata say of an identity provider, a gateway and a federation. */

export type IdpDescriptor = {
  readonly entityId: string;
  /** PEM. */
  readonly signingCertificates: readonly string[];
  /** URLs by binding; `soap` is ECP. */
  readonly sso: {
    readonly redirect?: string | undefined;
    readonly post?: string | undefined;
    readonly soap?: string | undefined;
  };
};

export type GatewayDescriptor = {
  readonly domain: string;
  readonly hosts: readonly string[];
  readonly entityId: string;
  /** DER, pinned for TLS of the streams between servers and of the authentication agent. */
  readonly certificates: readonly Uint8Array[];
  readonly s2s: { readonly host: string; readonly port: number } | undefined;
  /** Under which all URLs of challenges lie. */
  readonly agentUrl: string;
  readonly consumerUrls: { readonly post: string; readonly paos: string };
  /** Where a discovery service answers to. */
  readonly discoveryUrl?: string | undefined;
};

export type FederationMetadata = {
  readonly idps: readonly IdpDescriptor[];
  readonly gateways: readonly GatewayDescriptor[];
  /** URL of a discovery service. */
  readonly discovery?: string | undefined;
  /** Milliseconds since 1970. */
  readonly validUntil: number;
  /** SHA-256 of what was read, hex. */
  readonly digest: string;
};
