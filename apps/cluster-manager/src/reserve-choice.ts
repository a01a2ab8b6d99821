/**
 * Which node shall become a manager, or be one no longer: decided from what is known now, by nothing else.
 *
 * INVARIANTS:
 * - A role is given only while fewer stand by than wanted, and taken back only while proper managers alone are enough.
 * - What a person has given (`cm`) stays.
 * - It is never taken from the node whose manager leads; that one hands over first, to a proper manager, and only while
 *   enough of these remain.
 * - The same knowledge leads to the same step, in whatever order it came.
 */
import type { NodeManagerState, NodeRole } from '@mom4c/core';

/** A task executor that may become a manager. */
export type EligibleNode = {
  readonly name: string;
  /** What it is called as a manager. */
  readonly manager: string;
  readonly role: NodeRole;
  readonly state: NodeManagerState;
  /** Seconds. */
  readonly uptime: number;
  /** Of the last minute, for each core. */
  readonly load: number;
  /** From 0 to 1; see `FULL_TRUST`. */
  readonly trust: number;
  /** How often this manager has told it something, in this term. */
  readonly tried: number;
};

export type Standby = {
  readonly name: string;
  /** The node that became it; undefined: it is a proper manager. */
  readonly node: string | undefined;
};

export type Reserve = {
  readonly wanted: number;
  /** The manager that leads, which decides. */
  readonly leader: Standby;
  /** Those that could take over now, in their order. */
  readonly standbys: readonly Standby[];
  /** Names of all managers of which something is heard, whatever their state. */
  readonly heard: ReadonlySet<string>;
  readonly nodes: readonly EligibleNode[];
};

export type Step =
  | { readonly kind: 'give' | 'take back'; readonly node: string }
  | { readonly kind: 'hand over'; readonly to: string };

/** The place of the trust scores: until there are any, every node that the operator made eligible is trusted alike. */
export const FULL_TRUST = 1;

/** Seconds: a node that has run for longer is steadier; beyond that its load counts. */
const UPTIME_CLASSES = [600, 3600, 86_400];

/** What is to be done next, if anything is. */
export function nextStep({ wanted, leader, standbys, heard, nodes }: Reserve): Step | undefined {
  if (wanted === 0) return undefined;
  const others = nodes.filter(({ manager }) => manager !== leader.name);
  if (standbys.length < wanted) {
    const able = others.filter(
      ({ role, state, manager }) => role === 'te' && state === 'off' && !heard.has(manager),
    );
    const best = able.sort(byFitness)[0];
    return best && { kind: 'give', node: best.name };
  }
  const proper = standbys.filter(({ node }) => node === undefined);
  if (proper.length < wanted) return undefined;
  const superfluous = others.filter(({ role }) => role === 'reserve');
  const worst = superfluous.sort((a, b) => a.tried - b.tried || byFitness(b, a))[0];
  if (worst) return { kind: 'take back', node: worst.name };
  const isReserve = nodes.some(
    ({ name, manager, role }) => manager === leader.name && name === leader.node && role === 'reserve',
  );
  const heir = isReserve && proper.length > wanted ? proper[0] : undefined;
  return heir && { kind: 'hand over', to: heir.name };
}

/** The best first. One that was tried without success comes after the others. */
function byFitness(a: EligibleNode, b: EligibleNode): number {
  return (
    a.tried - b.tried ||
    b.trust - a.trust ||
    uptimeClass(b.uptime) - uptimeClass(a.uptime) ||
    a.load - b.load ||
    b.uptime - a.uptime ||
    (a.name < b.name ? -1 : 1)
  );
}

function uptimeClass(uptime: number): number {
  return UPTIME_CLASSES.filter((least) => uptime >= least).length;
}
