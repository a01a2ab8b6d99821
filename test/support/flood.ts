/** A flood of stanzas without end, sent by a process of its own: flooder.ts. */
import { fileURLToPath } from 'node:url';
import { ACTIVE, DOMAIN, ROOM } from './attack-range.ts';
import type { Range } from './attack-range.ts';
import type { FloodOrder } from './flooder.ts';
import { endpointOf } from './hostile-client.ts';
import { startProgram } from './program.ts';

const FLOODER = fileURLToPath(new URL('flooder.ts', import.meta.url));

export type Flood = {
  /** @returns how many stanzas were sent @throws Error if it had ended by itself */
  stop(): Promise<number>;
};

/** Of te3 to the manager that leads, to te1 and to the room. Resolves when it has begun. */
export async function startFlood({ domain, state }: Pick<Range, 'domain' | 'state'>): Promise<Flood> {
  const order: FloodOrder = {
    ...{ folder: state, endpoint: endpointOf(domain), own: 'te3', manager: 'cm1' },
    to: { manager: ACTIVE, executor: `te1@${DOMAIN}/agent`, room: ROOM },
  };
  const program = startProgram(FLOODER, [JSON.stringify(order)]);
  await program.take(/^flooding$/m);
  return {
    async stop() {
      const { stdout, stderr } = await program.stop();
      const [, sent] = /^sent (\d+)$/m.exec(stdout) ?? [];
      if (sent === undefined) throw new Error(`the flood had ended: ${stderr}`);
      return Number(sent);
    },
  };
}
