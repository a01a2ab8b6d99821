/** Between the benchmark and the process in which its many clients live. */

export type CrowdMember = {
  readonly name: string;
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** DER of the certificate. */
  readonly certificate: Uint8Array;
  /** Of a relay on the way; that of the server where absent. */
  readonly port?: number;
};

export type ToCrowd =
  | {
      readonly type: 'log in';
      readonly domain: string;
      readonly host: string;
      readonly port: number;
      readonly ca: string;
      readonly members: readonly CrowdMember[];
      /** DER: for whom what goes to the managers is sealed. */
      readonly managers: readonly Uint8Array[];
    }
  | { readonly type: 'join' }
  | { readonly type: 'announce' };

export type FromCrowd =
  | { readonly type: 'logged in' }
  | { readonly type: 'joined' }
  | { readonly type: 'announced' };
