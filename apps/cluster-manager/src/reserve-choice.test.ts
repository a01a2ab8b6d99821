// Mutations seen red, one each: `<` for too few made `<=`; reserves counted as proper; taken back with one too few; taken from
// the leader; taken from who was told `cm`; a name that is heard given again; handed over with none to spare; a liar believed;
// no trust; the tried ones not last; uptime before load; nothing wanted, and yet taken back; no order by name.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FULL_TRUST, nextStep } from './reserve-choice.ts';
import type { EligibleNode, Reserve, Standby, Step } from './reserve-choice.ts';

const fresh = { role: 'te', state: 'off', uptime: 100, load: 0.5, trust: FULL_TRUST, tried: 0 } as const;
const node = (name: string, change: Partial<EligibleNode> = {}): EligibleNode => ({
  ...fresh,
  name,
  manager: name.replace('te', 'cm'),
  ...change,
});
const proper = (name: string): Standby => ({ name, node: undefined });
const reserve = (change: Partial<Reserve>): Reserve => ({
  ...{ wanted: 1, leader: proper('cm1'), standbys: [], heard: new Set<string>(), nodes: [] },
  ...change,
});
const chosen = (...nodes: EligibleNode[]): string | undefined => {
  const step = nextStep(reserve({ nodes }));
  return step?.kind === 'give' ? `give ${step.node}` : step?.kind;
};

test('the best node is trusted, steady and has little to do; one that was tried in vain comes last', () => {
  const day = 86_400;
  assert.equal(chosen(node('te7', { load: 0.6 }), node('te8'), node('te9')), 'give te8');
  assert.equal(
    chosen(node('te7', { load: 0.1, uptime: 60 }), node('te8', { uptime: day, load: 3 })),
    'give te8',
  );
  assert.equal(
    chosen(node('te7', { load: 2, uptime: 9 * day }), node('te8', { uptime: 2 * day })),
    'give te8',
  );
  assert.equal(chosen(node('te7', { trust: 0.5, uptime: day }), node('te8')), 'give te8');
  assert.equal(chosen(node('te7', { tried: 1, uptime: day }), node('te8')), 'give te8');
  assert.equal(chosen(node('te7', { tried: 1 })), 'give te7');
  assert.equal(chosen(node('te9'), node('te8')), 'give te8');
});

test('no role for a node that has one, nor for a name that is heard already', () => {
  assert.equal(chosen(node('te7', { role: 'reserve', state: 'starting' })), undefined);
  assert.equal(chosen(node('te7', { state: 'ready' })), undefined);
  assert.equal(nextStep(reserve({ nodes: [node('te7')], heard: new Set(['cm7']) })), undefined);
  assert.equal(nextStep(reserve({ nodes: [node('te1')] })), undefined, 'that leads under this name');
  for (const role of ['te', 'reserve'] as const)
    assert.equal(nextStep(reserve({ wanted: 0, nodes: [node('te7', { role })] })), undefined);
});

test('what leads on a node hands over while enough proper ones remain, and only if nobody has told it to stay', () => {
  const own = node('te7', { role: 'reserve', state: 'ready' });
  const leading = { leader: { name: 'cm7', node: 'te7' }, nodes: [own] };
  const two = [proper('cm2'), proper('cm3')];
  assert.deepEqual(nextStep(reserve({ ...leading, standbys: two })), { kind: 'hand over', to: 'cm2' });
  assert.equal(nextStep(reserve({ ...leading, standbys: two.slice(1) })), undefined);
  assert.equal(nextStep(reserve({ ...leading, nodes: [{ ...own, role: 'cm' }], standbys: two })), undefined);
  // Somebody who says that he is what leads here does not make it step back.
  const liar = node('te6', { manager: 'cm1', role: 'reserve' });
  assert.equal(nextStep(reserve({ nodes: [liar], standbys: two })), undefined);
});

const names = fc.constantFrom('4', '5', '6', '7', '8');
const world = fc.record({
  wanted: fc.integer({ min: 0, max: 4 }),
  proper: fc.subarray(['cm1', 'cm2', 'cm3'], { minLength: 1 }),
  nodes: fc.uniqueArray(
    fc.record({
      number: names,
      role: fc.constantFrom('cm' as const, 'reserve' as const, 'te' as const),
      uptime: fc.nat(100_000),
      load: fc.double({ min: 0, max: 4, noNaN: true }),
    }),
    { selector: ({ number }) => number },
  ),
  onNode: fc.boolean(),
});

/** Roles as given, everything at rest. */
function viewOf(
  nodes: EligibleNode[],
  managers: readonly string[],
  wanted: number,
  onNode: boolean,
): Reserve {
  const running = nodes
    .filter(({ role }) => role !== 'te')
    .map(({ name, manager }) => ({ name: manager, node: name }));
  const all: Standby[] = [...managers.map(proper), ...running];
  const leader = (onNode ? running[0] : undefined) ?? all[0]!;
  const standbys = all.filter(({ name }) => name !== leader.name);
  return { wanted, leader, standbys, heard: new Set(standbys.map(({ name }) => name)), nodes };
}

test('whatever there is: roles are given and taken as they may be, it comes to rest, and the order says nothing', () => {
  fc.assert(
    fc.property(world, ({ wanted, proper: managers, nodes: given, onNode }) => {
      let onTop = onNode;
      let nodes = given.map(({ number, ...rest }) =>
        node(`te${number}`, { ...rest, state: rest.role === 'te' ? 'off' : 'ready' }),
      );
      const kept = nodes.filter(({ role }) => role === 'cm');
      for (let steps = 0; ; steps++) {
        assert.ok(steps <= 2 * given.length + 1, 'it does not come to rest');
        const view = viewOf(nodes, managers, wanted, onTop);
        const before = view.standbys.length;
        const step: Step | undefined = nextStep(view);
        assert.deepEqual(nextStep({ ...view, nodes: [...nodes].reverse() }), step);
        if (!step) {
          const isFree = nodes.some(({ role }) => role === 'te');
          assert.ok(before >= wanted || !isFree || wanted === 0, 'too few, and somebody could');
          break;
        }
        if (step.kind === 'hand over') {
          assert.ok(view.leader.node !== undefined && managers.includes(step.to));
          onTop = false;
          continue;
        }
        const target = nodes.find(({ name }) => name === step.node)!;
        assert.notEqual(target.manager, view.leader.name);
        if (step.kind === 'give') assert.ok(before < wanted);
        else assert.ok(before - 1 >= wanted);
        const change: Partial<EligibleNode> =
          step.kind === 'give' ? { role: 'reserve', state: 'ready' } : { role: 'te', state: 'off' };
        nodes = nodes.map((one) => (one === target ? { ...one, ...change, tried: one.tried + 1 } : one));
      }
      for (const { name } of kept) assert.equal(nodes.find((one) => one.name === name)?.role, 'cm');
    }),
    { numRuns: 2000 },
  );
});
