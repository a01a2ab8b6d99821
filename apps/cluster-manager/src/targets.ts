/** Whom a request is about. */
import type { Asker, Policy } from '@mom4c/access';
import { nodes } from '@mom4c/commands';
import { Mom4cError, formatLabels, labelsMatch } from '@mom4c/core';
import type { Command, LabelTerm } from '@mom4c/core';
import type { Member } from '@mom4c/member';
import type { Roster } from './roster.ts';

export type TargetParts = {
  readonly member: Pick<Member, 'settings'>;
  readonly roster: Pick<Roster, 'executors' | 'labels'>;
  readonly policy: Policy;
};

/** As many as can be reported in one message, whatever becomes of them and however long their names are. */
const MAX_TARGETS = 900;

/** What was asked for, of this whoever has the labels; a selector for the manager's own command narrows what it is
 *  about instead. */
export async function chooseTargets(
  parts: TargetParts,
  command: Command,
  asked: readonly string[] | undefined,
  having: readonly LabelTerm[],
  asker: Asker,
): Promise<readonly string[]> {
  const { member, roster } = parts;
  if (command.runsOn === 'cm') {
    if (asked)
      throw new Mom4cError(
        'M4C_BAD_ARGUMENTS',
        `${command.name} runs on the cluster manager and takes no target`,
      );
    if (having.length > 0 && !command.byLabels)
      throw new Mom4cError('M4C_BAD_ARGUMENTS', `${command.name} is not about nodes and takes no label`);
    return [member.settings.name];
  }
  if (command.oneTarget && asked?.length !== 1)
    throw new Mom4cError('M4C_BAD_ARGUMENTS', `${command.name} is for one target at a time`);
  const enrolled = await roster.executors(asked);
  const named = [...new Set(asked ?? enrolled)];
  const unknown = named.filter((target) => !enrolled.includes(target));
  if (unknown.length > 0) throw new Mom4cError('M4C_UNKNOWN_TARGET', unknown.slice(0, 10).join(', '));
  const targets = named.filter((target) => labelsMatch(roster.labels(target), having));
  if (targets.length === 0) throw new Mom4cError('M4C_NO_TARGETS', whyNone(parts, named, having, asker));
  if (targets.length > MAX_TARGETS)
    throw new Mom4cError('M4C_TOO_LARGE', `${targets.length} targets; at most ${MAX_TARGETS} in one command`);
  return targets;
}

/** What there is instead, so that a slip in a selector shows: to whom `nodes` would show it. */
function whyNone(
  { policy, roster }: TargetParts,
  named: readonly string[],
  having: readonly LabelTerm[],
  asker: Asker,
): string | undefined {
  if (named.length === 0) return undefined;
  const none = `${named.length} named or enrolled, none has ${having.length > 1 ? 'all these labels' : 'this label'}`;
  if (!policy.permits(asker, nodes)) return none;
  const labels = new Set(
    named.flatMap((name) => formatLabels(roster.labels(name)).split(',')).filter((label) => label !== ''),
  );
  const some = [...labels].sort().slice(0, 10).join(', ');
  const has = some === '' ? 'none has announced labels' : `their labels are ${some}`;
  const more = labels.size > 10 ? ', …' : '';
  return `${none}; ${has}${more}`;
}
