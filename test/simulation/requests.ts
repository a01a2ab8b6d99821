/** What is asked of the domain during a run: at random times, of some of its task executors. */
import type { Uuid } from '@mom4c/core';
import type { Scene } from './scene.ts';

const COUNT = 16;

/** Each is sent again until it is accepted, for half a minute. @param until milliseconds of the run */
export function requestsOf(scene: Scene, until: number): void {
  const { world, executors } = scene;
  for (let index = 0; index < COUNT; index++) {
    const at = world.between(0, until);
    const some = executors
      .map(({ machine }) => machine.name)
      .filter((name) => world.chance(name === scene.absent.machine.name ? 0.1 : 0.7));
    const request = {
      id: `r${index}` as Uuid,
      once: world.chance(0.7),
      targets: some.length > 0 ? some : [executors[0]!.machine.name],
      timeout: world.between(1_000, 10_000),
    };
    world.after(at, () => scene.request(request, at + 30_000));
  }
}
