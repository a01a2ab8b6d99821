/** What `mom4c managers` sees and does. */
import { Mom4cError, VERSION } from '@mom4c/core';
import type { Epoch, ManagerInfo, ManagersPort } from '@mom4c/core';
import type { Member } from '@mom4c/member';
import type { Standbys } from './standbys.ts';

export type ManagersParts = {
  readonly member: Pick<Member, 'settings' | 'directory' | 'clock'>;
  readonly standbys: Standbys;
  readonly epoch: Epoch;
  /** Milliseconds that are left of the lease. */
  readonly leaseLeft: () => number;
  readonly started: number;
  /** The task executor that became this manager. */
  readonly node: string | undefined;
  /** To be done once the outcome of the request has been sent. */
  readonly promote: (name: string) => void;
};

export function managersPort(parts: ManagersParts): ManagersPort {
  const { member, standbys, epoch, leaseLeft, started, node, promote } = parts;
  const own = member.settings.name;

  const infoOf = (name: string, rank: number): ManagerInfo => {
    if (name === own)
      return {
        ...{ name, role: 'active', epoch, lease: Math.max(0, leaseLeft()) / 1000, lag: 0, health: 'ok' },
        ...{ node, version: VERSION, started: started / 1000 },
      };
    const standing = standbys.of(name);
    if (!standing) return { name, role: 'away', health: 'nothing is heard of it' };
    const { lag, ready, version } = standing;
    return {
      ...{ name, role: 'passive', lag, version, node: standing.node, started: standing.started / 1000 },
      ...(rank > 0 && { rank }),
      health: ready ? 'ok' : 'not ready',
    };
  };

  return {
    async list() {
      const ranked = standbys.ranked();
      const enrolled = new Set((await member.directory.byRole('cm')).map(({ name }) => name));
      return [...enrolled.add(own)].sort().map((name) => infoOf(name, ranked.indexOf(name) + 1));
    },
    promote(name) {
      if (name === own) throw new Mom4cError('M4C_NOT_A_STANDBY', `${name} leads already`);
      const ranked = standbys.ranked();
      if (!ranked.includes(name))
        throw new Mom4cError('M4C_NOT_A_STANDBY', `${ranked.join(', ') || 'nobody'} could take over now`);
      promote(name);
      return own;
    },
  };
}
