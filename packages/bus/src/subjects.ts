import { Mom4cError } from '@mom4c/core';

const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;

/** Where an agent serves an endpoint. @throws Mom4cError M4C_BAD_ARGUMENTS if a name is no plain token: `.`, `*` and
 *  `>` would address other agents. */
export function agentSubject(agent: string, endpoint: string): string {
  for (const token of [agent, endpoint])
    if (!TOKEN.test(token)) throw new Mom4cError('M4C_BAD_ARGUMENTS', 'not the name of an agent or endpoint');
  return `agent.${agent}.${endpoint}`;
}
