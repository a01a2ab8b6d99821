/** While this manager leads, it keeps as many standbys as are wanted: by nodes that may become managers, where others are away. */
import type { Member } from '@mom4c/member';
import type { CommandDesk } from './command-desk.ts';
import { FULL_TRUST, nextStep } from './reserve-choice.ts';
import type { Reserve, Step } from './reserve-choice.ts';
import type { Roster } from './roster.ts';
import type { Standbys } from './standbys.ts';

export type ReserveParts = {
  readonly member: Pick<Member, 'clock' | 'log' | 'errorOf' | 'settings'>;
  readonly roster: Pick<Roster, 'eligible'>;
  readonly standbys: Standbys;
  readonly desk: Pick<CommandDesk, 'act'>;
  /** The task executor that became this manager. */
  readonly node: string | undefined;
  readonly wanted: number;
  /** Milliseconds for which one kind of step must have been due. */
  readonly settle: number;
  readonly handOver: (to: string) => Promise<void>;
};

const LOOK_MS = 500;

/** @returns ends it */
export function keepReserve(parts: ReserveParts): () => void {
  const { member, desk, settle, handOver } = parts;
  const { clock, log } = member;
  const tried = new Map<string, number>();
  let due: { kind: Step['kind']; since: number } | undefined;
  let stopped = false;
  let cancel = (): void => {};

  async function take(step: Step): Promise<void> {
    log.info(step, 'changes who stands by');
    if (step.kind === 'hand over') return handOver(step.to);
    tried.set(step.node, (tried.get(step.node) ?? 0) + 1);
    return desk.act('noderole', { role: step.kind === 'give' ? 'reserve' : 'te' }, step.node);
  }

  async function look(): Promise<void> {
    const step = nextStep(viewOf(parts, tried));
    const now = clock.monotonic();
    if (step?.kind !== due?.kind) due = step && { kind: step.kind, since: now };
    if (step && due && now - due.since >= settle) {
      // What it leads to is waited for as long again.
      due = undefined;
      await take(step).catch((thrown: unknown) => {
        const { code, detail } = member.errorOf(thrown);
        log.warn({ ...step, code, detail }, 'the number of standbys was not mended');
      });
    }
    if (!stopped) cancel = clock.after(LOOK_MS, () => void look());
  }

  if (parts.wanted > 0) void look();
  return () => {
    stopped = true;
    cancel();
  };
}

function viewOf(
  { member, roster, standbys, node, wanted }: ReserveParts,
  tried: ReadonlyMap<string, number>,
): Reserve {
  const now = member.clock.now();
  return {
    wanted,
    leader: { name: member.settings.name, node },
    standbys: standbys.ranked().map((name) => ({ name, node: standbys.of(name)?.node })),
    heard: standbys.heardOf(),
    nodes: roster.eligible().map(({ name, started, manager }) => ({
      name,
      manager: manager.name,
      role: manager.role,
      state: manager.state,
      uptime: Math.max(0, now - started) / 1000,
      load: manager.load,
      trust: FULL_TRUST,
      tried: tried.get(name) ?? 0,
    })),
  };
}
