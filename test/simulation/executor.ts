/** A task executor: the product's freshness and record of commands over a disk, and work that takes time. */
import { Mom4cError } from '@mom4c/core';
import type { Certificate, Epoch, Uuid } from '@mom4c/core';
import { Freshness } from '@mom4c/messaging';
import type { Payload } from '@mom4c/messaging';
import { ExecutionRecord } from '../../apps/task-executor/src/execution-record.ts';
import type { Answer, RecordStore } from '../../apps/task-executor/src/execution-record.ts';
import type { Order, Statement, Surroundings } from './surroundings.ts';
import type { Process } from './world.ts';

export type ExecutorDisk = {
  /** Time of the latest letter that it took. */
  latest: number;
  epochs: Map<string, Epoch>;
  commands: Map<Uuid, { at: number; answer: Answer | undefined }>;
};

const ISSUER = 'alpha.test';

export class Executor {
  readonly process: Process;
  readonly #scene: Surroundings;
  readonly #record: ExecutionRecord;
  readonly #freshness: Freshness;
  #inquiries = 0;

  constructor(process: Process, scene: Surroundings, disk: ExecutorDisk) {
    this.process = process;
    this.#scene = scene;
    this.#freshness = new Freshness(process.clock, {
      load: () => disk.latest,
      save: (latest) => void (disk.latest = latest),
    });
    this.#record = new ExecutionRecord(storeOn(disk), process.clock, (thrown) => {
      throw thrown;
    });
  }

  /** Who leads, in the room. */
  hear({ epoch }: Statement): void {
    if (!this.#refusal(() => this.#admitEpoch(epoch))) this.#scene.arrived(this.process);
  }

  /** @param signer name of the manager @returns why it does not take it */
  obey(order: Order, signer: string): Mom4cError | undefined {
    const { kind, epoch, id, once } = order;
    const refusal = this.#refusal(() => {
      this.#admit(order, signer);
      this.#admitEpoch(epoch);
    });
    if (refusal) {
      this.#scene.world.say(this.process.name, `does not take ${kind} ${id}: ${refusal.code}`);
      return refusal;
    }
    if (kind === 'inquiry') {
      for (const answer of this.#record.inquire(ISSUER, [id]).values()) this.#tell(id, once, answer);
      return undefined;
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
    return undefined;
  }

  #refusal(admit: () => void): Mom4cError | undefined {
    try {
      admit();
      return undefined;
    } catch (thrown) {
      if (thrown instanceof Mom4cError) return thrown;
      throw thrown;
    }
  }

  /** What is asked has an id of its own each time. */
  #admit({ kind, id, time, expires }: Order, signer: string): void {
    const own = kind === 'inquiry' ? `${id} ${(this.#inquiries += 1)}` : id;
    const payload = { type: kind, id: own, time, expires };
    this.#freshness.admit(payload as Payload, { fingerprint: signer, name: signer } as Certificate);
  }

  #admitEpoch(epoch: Epoch): void {
    this.#record.admitEpoch(ISSUER, epoch, () => this.#scene.generation);
    this.#scene.witness.heard(this.process, epoch);
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

function storeOn({ epochs, commands }: Pick<ExecutorDisk, 'epochs' | 'commands'>): RecordStore {
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
