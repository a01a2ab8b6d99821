/** Whether a member can come to an identity at all, by the files of its settings. */
import { existsSync } from 'node:fs';
import type { ConfigFinding } from '@mom4c/runtime';
import type { MemberSettings } from './settings.ts';

/** For the check of a configuration. */
export function identityFindings({ keystore, tokenFile }: MemberSettings): ConfigFinding[] {
  if (existsSync(keystore.file)) return [];
  if (tokenFile !== undefined && existsSync(tokenFile))
    return [
      {
        level: 'warning',
        path: 'keystore.file',
        reason: `${keystore.file} does not exist yet: the first start makes it with the token`,
      },
    ];
  return [
    {
      level: 'fault',
      path: tokenFile === undefined ? 'tokenFile' : 'keystore.file',
      reason: 'there is neither a keystore nor an enrolment token',
      expected: `${keystore.file}, or a one-time token in ${tokenFile ?? 'the file that tokenFile names'}`,
      hint: 'mom4c enroll token --name NAME --role ROLE',
    },
  ];
}
