/** What of an answer completion may use later. */
import type { Labels, NodeInfo, SensorRecord } from '@mom4c/core';
import { keepKnown } from './known.ts';
import type { Answer } from './outcomes.ts';

/** @param answer checked against its schema, and not narrowed by labels */
export function remember({ command, outcomes }: Answer): void {
  const results = outcomes.filter(({ state }) => state === 'ok').map(({ result }) => result);
  if (command === 'nodes') keepKnown({ nodes: nodesIn(results as { nodes: NodeInfo[] }[]) });
  if (command === 'listsensors')
    keepKnown({
      sensors: (results as { sensors: SensorRecord[] }[]).flatMap(({ sensors }) => sensors.map(({ n }) => n)),
    });
  if (command === 'federationpartners')
    keepKnown({
      partners: (results as { partners: { domain: string }[] }[]).flatMap(({ partners }) =>
        partners.map(({ domain }) => domain),
      ),
    });
  if (command === 'federation')
    keepKnown({
      partners: (results as { links: { partner: string }[] }[]).flatMap(({ links }) =>
        links.map(({ partner }) => partner),
      ),
    });
}

function nodesIn(results: readonly { nodes: NodeInfo[] }[]): Record<string, Labels> {
  const executors = results.flatMap(({ nodes }) => nodes).filter(({ role }) => role === 'te');
  return Object.fromEntries(executors.map(({ name, labels }) => [name, labels ?? {}]));
}
