import type { Component } from './component.ts';
import type { Federation } from './federation.ts';
import { signalProcess } from './keeper.ts';
import { familyOf } from './process-table.ts';

/** The identity provider of a lab. */
export type LabIdp = Component &
  Pick<Federation, 'logins' | 'announceKey' | 'changeKey'> & {
    readonly entityId: string;
    /** Path: what it says of each log-in. */
    readonly log: string;
  };

export function labIdp(part: Component, federation: Federation): LabIdp {
  // Not copied, since some of its properties are read anew each time.
  return Object.assign(Object.create(part) as Component, {
    entityId: federation.idp.entityId,
    log: federation.idpLog,
    logins: () => federation.logins(),
    announceKey: () => federation.announceKey(),
    changeKey: () => federation.changeKey(),
    // All its workers answer: to stop only the process that leads them would be to stop nothing.
    signal(signal: NodeJS.Signals): boolean {
      if (!part.process) return false;
      return familyOf(part.process).filter((one) => signalProcess(one, signal)).length > 0;
    },
  });
}
