/**
 * Completion in the shells themselves: each loads its script and asks it, without a terminal. No servers.
 *
 * Mutations seen red: options of the program not offered below a verb; names that stand in the list already offered again;
 * a cache believed unchecked.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { COMMANDS } from '@mom4c/commands';
import { CLI, mom4c } from '../support/cli.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'mom4c-completion-'));
const cache = join(folder, 'mom4c', 'known.json');
const known = {
  nodes: { te1: { site: 'roof' }, te2: { site: 'cellar' }, te10: {} },
  sensors: ['host/load1', 'w1/28-00:1/temperature'],
};
/** What `mom4c completion` has printed, by shell. */
const scripts = join(folder, 'scripts');
const env = {
  ...{ PATH: `${folder}:${process.env.PATH}`, HOME: folder, XDG_CACHE_HOME: folder, TERM: 'dumb' },
  SCRIPTS: scripts,
};

/** Candidates for what stands on the line, as each shell would offer them. */
const shells: Readonly<Record<string, (line: string) => Promise<string[]>>> = {
  async bash(line) {
    const ask =
      'source "$SCRIPTS/bash"; COMP_LINE=$1; COMP_POINT=${#1}; _mom4c; printf "%s\\n" "${COMPREPLY[@]}"';
    return lines((await run('bash', ['--norc', '-c', ask, 'bash', line], { env })).stdout);
  },
  async zsh(line) {
    // Completion proper needs a terminal; what it would be given does not.
    const ask =
      'compdef() { }; _describe() { print -rl -- $candidates }; _files() { print files }; source "$SCRIPTS/zsh"; ' +
      'words=("${(@s: :)1}"); CURRENT=${#words}; _mom4c';
    const { stdout } = await run('zsh', ['-f', '-c', ask, 'zsh', line], { env });
    return lines(stdout).map((text) => text.split(/(?<!\\):/)[0]!.replaceAll('\\:', ':'));
  },
  async fish(line) {
    const ask = 'source "$SCRIPTS/fish"; complete -C $argv[1]';
    const { stdout } = await run('fish', ['--no-config', '-c', ask, line], { env });
    return lines(stdout).map((text) => text.split('\t')[0]!);
  },
};
/** Bash replaces what follows a colon, the others the whole word. */
const atEnd = (words: string[]): string[] => words.map((word) => word.split(':').at(-1)!);
const lines = (text: string): string[] => text.split('\n').filter((one) => one !== '');

before(async () => {
  mkdirSync(join(folder, 'mom4c'));
  writeFileSync(cache, JSON.stringify(known));
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin', 'mom4c'), `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`, {
    mode: 0o755,
  });
  env.PATH = `${join(folder, 'bin')}:${process.env.PATH}`;
  mkdirSync(scripts);
  for (const shell of Object.keys(shells))
    writeFileSync(join(scripts, shell), (await mom4c(['completion', shell], { env })).stdout);
});
after(() => rmSync(folder, { recursive: true }));

for (const [shell, offered] of Object.entries(shells))
  test(`${shell}: verbs, options, choices, nodes, labels, sensors`, async () => {
    const verbs = await offered('mom4c ');
    for (const verb of [
      // Those of two words are in a group.
      ...COMMANDS.map(({ name, verb }) => verb?.split(' ')[0] ?? name),
      'enroll',
      'doctor',
      'config',
      'lab',
      'completion',
    ])
      assert.ok(verbs.includes(verb), `${verb} in ${verbs.join()}`);
    assert.ok(!verbs.includes('__complete'));
    assert.deepEqual(await offered('mom4c lists'), ['listsensors']);
    assert.deepEqual(await offered('mom4c --state . nodes --wat'), ['--watch']);
    assert.deepEqual(await offered('mom4c nodes --verb'), ['--verbose']);
    assert.deepEqual((await offered('mom4c nodes role te1')).sort(), ['te1', 'te10']);
    assert.deepEqual((await offered('mom4c nodes -o ')).sort(), ['json', 'table', 'yaml']);
    assert.deepEqual((await offered('mom4c ping --target te1')).sort(), ['te1', 'te10']);
    assert.deepEqual((await offered('mom4c ping --target te1,te')).sort(), ['te1,te10', 'te1,te2']);
    // Bash replaces what follows the sign, the others the whole word.
    const roof = shell === 'bash' ? 'roof' : 'site=roof';
    assert.deepEqual(await offered('mom4c ping --label site=r'), [roof]);
    assert.deepEqual(await offered('mom4c readsensor host'), ['host/load1']);
    assert.deepEqual(await offered('mom4c readsensor w1/28-00:1').then(atEnd), ['1/temperature']);
    assert.deepEqual(await offered('mom4c explain M4C_NO_MA'), ['M4C_NO_MANAGER']);
    assert.deepEqual(await offered('mom4c config check --verb'), ['--verbose']);
    assert.deepEqual(await offered('mom4c enroll tok'), ['token']);
    assert.deepEqual(await offered('mom4c federation conn'), ['connect']);
    assert.deepEqual(await offered('mom4c config check x --for task'), ['task-executor']);
    assert.deepEqual(await offered('mom4c nosuchverb --wat'), []);
  });

test('an error is explained by its code, its short name, or its number', async () => {
  const [whole, short, number, none] = await Promise.all(
    ['M4C_NO_MANAGER', 'no_manager', '400', 'M4C_NOPE'].map((code) => mom4c(['explain', code])),
  );
  assert.match(whole!.stdout, /^M4C_NO_MANAGER \(400\): .*\n {2}→ .*\n.*Exit code 7\.\n$/);
  assert.deepEqual([short!.stdout, number!.stdout], [whole!.stdout, whole!.stdout]);
  assert.equal(none!.code, 2);
});

test('a cache that others have written is not believed', async () => {
  for (const hostile of [
    { nodes: { '$(touch pwned)': {} }, sensors: [] },
    { nodes: {}, sensors: ['`x`'] },
    { nodes: { te1: { site: '\u001b[2J' } }, sensors: [] },
    [],
  ]) {
    writeFileSync(cache, JSON.stringify(hostile));
    const { code, stdout } = await mom4c(['__complete', '--', 'ping', '--target', ''], { env });
    assert.deepEqual([code, stdout], [0, ':open\n']);
  }
  writeFileSync(cache, JSON.stringify(known));
});
