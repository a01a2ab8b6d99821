/** What a program in the simulation has around it. */
import type { Epoch, Mom4cError, Uuid } from '@mom4c/core';
import type { PendingCommand } from '../../apps/cluster-manager/src/pending-command.ts';
import type { XmppServer } from './network.ts';
import type { LeaseService, LogService } from './services.ts';
import type { Witness } from './witness.ts';
import type { Process, World } from './world.ts';

/** Of a target. */
export type Answer = Parameters<PendingCommand['settle']>[0];
export type Request = { id: Uuid; once: boolean; targets: readonly string[]; timeout: number };
/** What a manager says to a task executor. */
export type Statement = { kind: 'statement'; epoch: Epoch };
/** Times by the wall clock of the manager. */
export type Order = {
  kind: 'command' | 'inquiry';
  epoch: Epoch;
  id: Uuid;
  once: boolean;
  time: number;
  expires: number;
};

export interface Surroundings {
  readonly world: World;
  readonly witness: Witness;
  readonly lease: LeaseService;
  readonly log: LogService;
  readonly server: XmppServer;
  /** What the authority has stated by now. */
  readonly generation: number;
  /** A term begins. */
  onTerm(process: Process): void;
  /** Its requester gets it; that it is lost on the way shows nothing. */
  reported(process: Process, id: Uuid, outcome: string): void;
  /** @param notTaken called when the target says so */
  toExecutor(from: Process, target: string, order: Order, notTaken: (error: Mom4cError) => void): void;
  /** To everybody in the room. */
  state(from: Process, epoch: Epoch): void;
  /** A task executor says that it is there. */
  arrived(from: Process): void;
  result(from: Process, id: Uuid, known: Omit<Answer, 'target'>): void;
}
