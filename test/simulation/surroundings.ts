/** What a program in the simulation has around it. */
import type { Epoch, Uuid } from '@mom4c/core';
import type { PendingCommand } from '../../apps/cluster-manager/src/pending-command.ts';
import type { XmppServer } from './network.ts';
import type { LeaseService, LogService } from './services.ts';
import type { Witness } from './witness.ts';
import type { Process, World } from './world.ts';

/** Of a target. */
export type Answer = Parameters<PendingCommand['settle']>[0];
export type Request = { id: Uuid; once: boolean; targets: readonly string[]; timeout: number };
/** What a manager says to a task executor. */
export type Order = { kind: 'command' | 'inquiry' | 'statement'; epoch: Epoch; id: Uuid; once: boolean };

export interface Surroundings {
  readonly world: World;
  readonly witness: Witness;
  readonly lease: LeaseService;
  readonly log: LogService;
  readonly server: XmppServer;
  /** What the authority has stated by now. */
  readonly generation: number;
  /** Its requester gets it; that it is lost on the way shows nothing. */
  reported(process: Process, id: Uuid, outcome: string): void;
  toExecutor(from: Process, target: string, order: Order): void;
  /** To everybody in the room. */
  state(from: Process, epoch: Epoch): void;
  /** A task executor says that it is there. */
  arrived(from: Process): void;
  result(from: Process, id: Uuid, known: Omit<Answer, 'target'>): void;
}
