/** A task executor: the product's record of commands over a disk, and work that takes time. */
import { Mom4cError } from '@mom4c/core';
import type { Epoch, Uuid } from '@mom4c/core';
import { ExecutionRecord } from '../../apps/task-executor/src/execution-record.ts';
import type { Answer, RecordStore } from '../../apps/task-executor/src/execution-record.ts';
import type { Order, Surroundings } from './surroundings.ts';
import type { Process } from './world.ts';

export type ExecutorDisk = {
  epochs: Map<string, Epoch>;
  commands: Map<Uuid, { at: number; answer: Answer | undefined }>;
};

const ISSUER = 'alpha.test';

export class Executor {
  readonly process: Process;
  readonly #scene: Surroundings;
  readonly #record: ExecutionRecord;

  constructor(process: Process, scene: Surroundings, disk: ExecutorDisk) {
    this.process = process;
    this.#scene = scene;
    this.#record = new ExecutionRecord(storeOn(disk), process.clock, (thrown) => {
      throw thrown;
    });
  }

  obey({ kind, epoch, id, once }: Order): void {
    const { process } = this;
    const { witness } = this.#scene;
    try {
      this.#record.admitEpoch(ISSUER, epoch, () => this.#scene.generation);
    } catch (thrown) {
      if (!(thrown instanceof Mom4cError && thrown.code === 'M4C_EPOCH')) throw thrown;
      this.#scene.world.say(process.name, `refuses ${kind} ${id}: an old epoch`);
      return;
    }
    witness.heard(process, epoch);
    if (kind === 'statement') return this.#scene.arrived(process);
    if (kind === 'inquiry') {
      for (const answer of this.#record.inquire(ISSUER, [id]).values()) this.#tell(id, once, answer);
      return;
    }
    this.#tell(
      id,
      once,
      this.#record.perform(ISSUER, id, {
        once,
        refusal: () => undefined,
        act: () => this.#act(id, once, epoch),
      }),
    );
  }

  async #act(id: Uuid, once: boolean, epoch: Epoch): Promise<Answer> {
    const { world, witness } = this.#scene;
    const { process } = this;
    const spend = (ms: number): Promise<void> =>
      new Promise((resolve) => process.clock.after(world.between(0, ms), resolve));
    witness.begins(process, id, epoch);
    await spend(world.chance(0.4) ? 4000 : 50);
    world.say(process.name, `acts on ${id}`);
    witness.acted(process, id, once);
    await spend(50);
    return { state: 'ok' };
  }

  #tell(id: Uuid, once: boolean, answer: Promise<Answer>): void {
    void answer.then((known) => {
      this.#scene.witness.answered(this.process, id, once, known.state);
      this.#scene.result(this.process, id, known);
    });
  }
}

function storeOn({ epochs, commands }: ExecutorDisk): RecordStore {
  return {
    epochs: () => epochs,
    raiseEpoch: (issuer, epoch) => void epochs.set(issuer, epoch),
    find: (_issuer, id) => commands.get(id),
    begin: (_issuer, id, at) => void commands.set(id, { at, answer: undefined }),
    answer(_issuer, ids, answer, at) {
      for (const id of ids) commands.set(id, { at, answer });
    },
    count: () => commands.size,
    forget: () => 0,
  };
}
