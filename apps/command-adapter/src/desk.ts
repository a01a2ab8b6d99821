/** The commands of the domain as a service for stock clients: each request is signed here, in the person's name. */
import { COMMANDS } from '@mom4c/commands';
import { Mom4cError, bareJid, findCommand } from '@mom4c/core';
import type { Log } from '@mom4c/core';
import { checkedOutcomes } from '@mom4c/member';
import type { Requester } from '@mom4c/member';
import type { AdHocService } from '@mom4c/xmpp';
import { askedIn, formOf } from './command-form.ts';
import { completedOf } from './command-result.ts';
import type { Rights } from './rights.ts';

export function deskOf(rights: Rights, requester: Pick<Requester, 'send'>, log: Log): AdHocService {
  const permitted = async (name: string, from: string) => {
    const command = findCommand(COMMANDS, name);
    if (!(await rights.of(from)).includes(name))
      throw new Mom4cError('M4C_FORBIDDEN', `${bareJid(from)}, ${name}`);
    return command;
  };
  return {
    name: 'Commands of the domain',
    async list(from) {
      const names = await rights.of(from);
      return COMMANDS.filter(({ name }) => names.includes(name)).map(({ name, summary }) => ({
        node: name,
        name: summary,
      }));
    },
    form: async (name, from) => formOf(await permitted(name, from)),
    async run(name, from, values) {
      const command = await permitted(name, from);
      const onBehalfOf = bareJid(from);
      const { id, outcomes } = await requester.send({ name, ...askedIn(command, values), onBehalfOf });
      log.info({ id, command: name, by: onBehalfOf }, 'done');
      return completedOf(command, checkedOutcomes(command, outcomes));
    },
  };
}
