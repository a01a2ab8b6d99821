/** What the identity provider says in its log about who has logged in. */
import { existsSync, readFileSync } from 'node:fs';

export type IdpLogins = {
  /** By domain: log-ins with the password. */
  readonly password: Readonly<Record<string, number>>;
  /** By domain: assertions that were given for a session, without a password. */
  readonly session: Readonly<Record<string, number>>;
  /** Log-ins that were refused. */
  readonly refused: number;
};

/** The first is written by the processing filter of saml20-idp-hosted.php, the others by SimpleSAMLphp itself. */
const ANSWER = /\] subject (\S+) by (password|session) for /;
const REFUSED = /\] (Unsuccessful login attempt|Returning error to SP) /;

/** Since its folder was made. */
export function readLogins(file: string): IdpLogins {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const count: Record<'password' | 'session', Record<string, number>> = { password: {}, session: {} };
  let refused = 0;
  for (const line of lines) {
    const [, domain, how] = ANSWER.exec(line) ?? [];
    if (domain !== undefined) {
      const counted = count[how as 'password' | 'session'];
      counted[domain] = (counted[domain] ?? 0) + 1;
    } else if (REFUSED.test(line)) refused++;
  }
  return { ...count, refused };
}
