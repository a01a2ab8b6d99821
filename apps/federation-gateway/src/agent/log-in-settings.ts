/** What this domain logs in with at its identity provider. */
export type IdpCredentials =
  | { readonly method: 'ecp' | 'form'; readonly user: string; readonly password: string }
  /** PEM. */
  | { readonly method: 'certificate'; readonly cert: string; readonly key: string };
