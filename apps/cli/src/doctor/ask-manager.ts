/** One command of the manager itself, for a check. */
import { Mom4cError, checkResult } from '@mom4c/core';
import type { Command } from '@mom4c/core';
import { Requester } from '@mom4c/member';
import type { Member } from '@mom4c/member';
import type { PayloadOf } from '@mom4c/messaging';
import type { XmppSession } from '@mom4c/xmpp';

export type Answer = {
  /** Name of the manager that answered, and its address. */
  readonly target: string;
  readonly from: string;
  /** As the command defines it. */
  readonly result: unknown;
};

const TIMEOUT_MS = 5_000;

/** @throws Mom4cError what the manager rejects with or answers; M4C_NO_MANAGER, M4C_TIMEOUT */
export async function askManager(
  { member, session }: { member: Member; session: XmppSession },
  command: Command,
  onAccepted?: (accepted: PayloadOf<'accepted'>) => void,
): Promise<Answer> {
  const requester = new Requester(member, session);
  try {
    const request = { name: command.name, args: {}, targets: undefined, timeout: TIMEOUT_MS };
    const { outcomes, from } = await requester.send(request, onAccepted);
    const [outcome] = outcomes;
    if (outcome?.state !== 'ok')
      throw new Mom4cError(outcome?.error?.code ?? 'M4C_PEER', outcome?.error?.detail);
    return { target: outcome.target, from, result: checkResult(command, outcome.result) };
  } finally {
    requester.close();
  }
}
