/** The lab's XMPP server as an operator without certificate log-in would set it up: passwords, and stream management. */
import { startXmppServer, type RunningServer, type XmppServerKind, type XmppServerOptions } from '@mom4c/lab';

/** Of the stored passwords, hence of SCRAM; PLAIN is offered as well. */
export type PasswordHash = 'SHA-1' | 'SHA-256';

type Replacement = readonly [pattern: RegExp, by: string];

const CHANGES: Record<XmppServerKind, (hash: PasswordHash) => readonly Replacement[]> = {
  ejabberd: (hash) => [
    [
      /^disable_sasl_mechanisms:\n(?: {2}- .*\n)+/m,
      'disable_sasl_mechanisms: [EXTERNAL, ANONYMOUS, X-OAUTH2]\n',
    ],
    [/^auth_scram_hash: .*$/m, `auth_scram_hash: ${hash === 'SHA-1' ? 'sha' : 'sha256'}`],
    [/^modules:\n/m, 'modules:\n  mod_stream_mgmt:\n    resume_timeout: 300\n'],
  ],
  prosody: (hash) => [
    [
      /^\tauthentication = "certificate"$/m,
      `\tauthentication = "internal_hashed"\n\tpassword_hash = "${hash}"`,
    ],
    [/^modules_enabled = \{$/m, 'smacks_hibernation_time = 300\nmodules_enabled = {\n\t"smacks";'],
  ],
};

export function startPasswordServer(
  kind: XmppServerKind,
  { hash, ...options }: Omit<XmppServerOptions, 'adjust'> & { readonly hash: PasswordHash },
): Promise<RunningServer> {
  return startXmppServer(kind, {
    ...options,
    adjust: (config) => CHANGES[kind](hash).reduce(replaced, config),
  });
}

function replaced(text: string, [pattern, by]: Replacement): string {
  if (!pattern.test(text)) throw new Error(`the template has no ${pattern}`);
  return text.replace(pattern, by);
}
