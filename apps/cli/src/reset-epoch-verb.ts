/** `mom4c managers reset-epoch`: beside the commands to the managers, but an order to the authority, as no manager may state it. */
import { Command as Verb } from 'commander';
import * as z from 'zod';
import { order, readAnswer } from './authority-order.ts';
import type { OrderOptions } from './authority-order.ts';

export function resetEpochVerb(): Verb {
  const reset = new Verb('reset-epoch')
    .summary(
      'Have the authority open a new generation of epochs: after the data of all NATS servers is gone.',
    )
    .description(
      'Have the certificate authority open a new generation of epochs.\n\n' +
        'Needed in one case only: the data of all NATS servers of the domain is gone, so that the lease counts from the beginning ' +
        'again, and no manager leads (M4C_NO_MANAGER), or task executors refuse it (M4C_EPOCH). Managers take it up within a minute; commands that are under ' +
        'way go on. Where nothing is lost it does no harm: the active manager takes its lease anew. See docs/fail-over.md.',
    );
  return reset.action(() => resetEpoch(reset.optsWithGlobals<OrderOptions>()));
}

const raised = z.object({ generation: z.int().positive() });

async function resetEpoch(options: OrderOptions): Promise<void> {
  const { generation } = readAnswer(raised, await order(options, '/reset-epoch', {}));
  process.stdout.write(`generation ${generation}\n`);
  process.stderr.write('managers take it up within a minute; see `mom4c managers`\n');
}
