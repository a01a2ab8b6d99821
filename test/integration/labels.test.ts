/**
 * Labels from the side of the user: what nodes announce under their signature chooses the targets of a command, also
 * while they are away and after a restart of the manager; and `nodes` tells what each of them last signed.
 *
 * Mutations seen red: the selector left out of the request; labels of absent nodes not counted; a node that misses a
 * deadline (SIGSTOP) shown as present and well.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startLab } from '@mom4c/lab';
import type { Lab, LabDomain } from '@mom4c/lab';
import { ANY_SERVER } from '../support/any-server.ts';
import { ask } from '../support/cli.ts';
import type { Ended } from '../support/program.ts';

type Node = {
  name: string;
  present: boolean;
  silent?: boolean;
  labels?: Record<string, string>;
  signed?: { kind: string; time: number };
};

const folder = mkdtempSync(join(tmpdir(), 'mom4c-labels-'));
let lab: Lab;
let alpha: LabDomain;

// The lab labels te1 and te3 with site=roof, te2 with site=cellar.
before(async () => {
  lab = await startLab({ folder: join(folder, 'lab'), server: ANY_SERVER, executors: 3 });
  alpha = lab.domain('alpha.test');
});
after(async () => {
  await lab?.down();
  rmSync(folder, { recursive: true });
});

test('a selector chooses the targets; with --target it is the intersection', async () => {
  assert.deepEqual(await targets('ping --label site=roof'), ['te1', 'te3']);
  assert.deepEqual(await targets('ping -l site!=roof'), ['te2']);
  assert.deepEqual(await targets('ping -l site'), ['te1', 'te2', 'te3']);
  assert.deepEqual(await targets('ping -l site=roof --target te2,te3'), ['te3']);
});

test('a selector that fits nobody says what there is; what is no selector is a fault of usage', async () => {
  const none = await cli('ping -l site=root', 6);
  assert.match(none.stderr, /M4C_NO_TARGETS: .*their labels are site=cellar, site=roof/);
  const both = await cli('ping -l site=roof -l site=cellar', 6);
  assert.match(both.stderr, /M4C_NO_TARGETS: .*none has all these labels/);
  assert.match((await cli('ping -l Site=roof', 2)).stderr, /not key=value, key or key!=value: "Site=roof"/);
});

test('nodes tells labels and the last signed word of each, and takes a selector', async () => {
  const before = Date.now() / 1000;
  await cli('ping --target te1', 0);
  const all = await nodes();
  assert.deepEqual(
    all.map(({ name, labels }) => [name, labels?.site]),
    [
      ['cm1', undefined],
      ['te1', 'roof'],
      ['te2', 'cellar'],
      ['te3', 'roof'],
    ],
  );
  const te1 = all.find(({ name }) => name === 'te1')!;
  assert.equal(te1.signed?.kind, 'result');
  assert.ok(te1.signed.time >= before && te1.signed.time <= Date.now() / 1000, `${te1.signed.time}`);
  assert.deepEqual(
    (await nodes('-l site=roof')).map(({ name }) => name),
    ['te1', 'te3'],
  );
  const { stdout } = await cli('nodes -l site=roof', 0);
  assert.match(stdout, /^NODE +ROLE +ADDRESS +PRESENT +VERSION +SINCE +LAST SIGNED +LABELS$/m);
  assert.match(stdout, /^te1 +te +te1@alpha\.test +yes +\S+ +\S+Z +\S+Z result +site=roof$/m);
});

test('a node that the server shows but that signs nothing is silent, until it speaks again', async () => {
  const te3 = alpha.node('te3');
  te3.signal('SIGSTOP');
  try {
    await cli('ping --target te3 --timeout 500ms', 4);
    const [, , silent] = (await nodes()).filter(({ name }) => name !== 'cm1');
    assert.deepEqual([silent?.name, silent?.present, silent?.silent], ['te3', true, true]);
    assert.match((await cli('nodes', 0)).stdout, /^te3 +te +te3@alpha\.test +silent/m);
  } finally {
    te3.signal('SIGCONT');
  }
  await cli('ping --target te3', 0);
  assert.equal((await nodes()).find(({ name }) => name === 'te3')?.silent, undefined);
});

test('labels of a node that is away choose it still, after a restart of the manager too', async () => {
  await alpha.node('te3').stop({ signal: 'SIGKILL' });
  const away = JSON.parse((await cli('ping -l site=roof -o json', 4)).stdout);
  assert.deepEqual(
    away.outcomes.map(({ target, state }: { target: string; state: string }) => [target, state]),
    [
      ['te1', 'ok'],
      ['te3', 'no-answer'],
    ],
  );
  await alpha.node('cm1').stop();
  await alpha.node('cm1').start();
  const { stderr } = await cli('ping -l site=roof --target te3', 4);
  assert.equal(stderr, '');
  const te3 = (await nodes()).find(({ name }) => name === 'te3');
  assert.deepEqual([te3?.present, te3?.labels], [false, { site: 'roof' }]);
  assert.ok(te3?.signed, 'its last signed word is known as well');
});

function cli(line: string, code: number): Promise<Ended> {
  return ask(lab.folder, line, code);
}

async function targets(line: string): Promise<string[]> {
  const { outcomes } = JSON.parse((await cli(`${line} -o json`, 0)).stdout);
  return outcomes.map(({ target }: { target: string }) => target);
}

async function nodes(options = ''): Promise<Node[]> {
  const { outcomes } = JSON.parse((await cli(`nodes -o json ${options}`.trim(), 0)).stdout);
  return outcomes[0].result.nodes;
}
