/**
 * What a domain tells of itself: the way of a request through all logs, metrics that a scraper can read, and no secret in
 * any log, argument list or environment, from the first start on and with debug logging.
 *
 * Mutation seen red: see each test's own line.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startLab, type Lab, type LabDomain } from '@mom4c/lab';
import { ANY_SERVER } from '../support/any-server.ts';
import { ask, enrolToken } from '../support/cli.ts';
import { parseExposition, type Family } from '../support/exposition.ts';
import { STARTED, makeNode, startTaskExecutor } from '../support/hand-made-node.ts';
import { assertNoSecret, secretsBelow, wordsOf } from '../support/lab-secrets.ts';
import type { Program } from '../support/program.ts';

const DEBUG = { MOM4C_LOG_LEVEL: 'debug' };

let folder: string;
let lab: Lab | undefined;
let domain: LabDomain;
let token: string;
let te9: Program;
/** Standard error of `mom4c -v listsensors`. */
let spoken: string;
let id: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-observe-'));
  chmodSync(folder, 0o711);
  lab = await startLab({ folder: join(folder, 'lab'), server: ANY_SERVER, executors: 1 });
  domain = lab.domains[0]!;
  const manager = domain.node('cm1');
  await manager.stop();
  const config = join(nodeFolder('cm1'), 'config.yaml');
  writeFileSync(config, readFileSync(config, 'utf8').replace('level: info', 'level: debug'));
  await manager.start();
  token = await enrolToken(lab.folder, 'te9', 'te');
  const node = makeNode(join(folder, 'lab', domain.name, 'nodes'), 'te9', domain.describe(), token);
  te9 = startTaskExecutor(node, { env: DEBUG });
  await te9.take(STARTED);
  const asked = await ask(lab.folder, '-v listsensors', 0, { env: DEBUG });
  spoken = asked.stderr;
  id = String(linesOf(spoken).find(({ msg }) => msg === 'asking')?.['id']);
});

after(async () => {
  await te9?.stop();
  await lab?.down();
  rmSync(folder, { recursive: true, force: true });
});

// Red with: the header of call-agent.ts left out; `id` left out of a line of the requester.
test('grep for the id of a request shows its whole way', () => {
  assert.match(id, /^[0-9a-f-]{36}$/);
  const of = (text: string): string[] =>
    linesOf(text)
      .filter((line) => JSON.stringify(line).includes(id))
      .map(({ msg }) => String(msg));
  assert.deepEqual(of(spoken), ['asking', 'was accepted', 'has its outcome']);
  assert.deepEqual(of(readFileSync(join(nodeFolder('cm1'), 'output.log'), 'utf8')), [
    'accepted',
    'sent',
    'finished',
  ]);
  for (const text of [te9.stdout, readFileSync(join(nodeFolder('te1'), 'output.log'), 'utf8')]) {
    const said = of(text);
    // The agent's line comes through a pipe of its own.
    assert.deepEqual(said.toSorted(), ['answered', 'answered', 'taken']);
    assert.equal(said[0], 'taken');
    const agent = linesOf(text).find((line) => line['agent'] === 'sensors' && line.msg === 'answered');
    assert.equal((agent?.['agentFields'] as { id?: string } | undefined)?.id, id);
  }
});

// Red with `id` left out of the order's line at the authority.
test('an order to the authority has one id on both sides', async () => {
  const { stderr } = await ask(lab!.folder, '-v enroll token --name te8 --role te', 0);
  const ordered = linesOf(stderr).filter(({ msg }) => msg === 'ordering' || msg === 'ordered');
  const [first, second] = ordered.map((line) => line['id']);
  assert.ok(first !== undefined && first === second);
  const authority = linesOf(
    readFileSync(join(folder, 'lab', domain.name, 'certificate-authority', 'output.log'), 'utf8'),
  );
  assert.ok(authority.some((line) => line['id'] === first && line.msg === 'order answered'));
});

// Red with: `observer.accepted` not called in the desk; `_total` left out of the name of a counter.
test('a scraper can read the metrics, and they say what happened', async () => {
  const manager = await scrape(domain.node('cm1').port);
  const total = (family: Family | undefined, labels: Record<string, string> = {}): number =>
    (family?.samples ?? [])
      .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
      .reduce((sum, { value }) => sum + value, 0);
  assert.equal(total(manager.get('mom4c_command_requests_total'), { decision: 'accepted' }), 1);
  assert.equal(total(manager.get('mom4c_command_outcomes_total'), { state: 'ok' }), 2);
  assert.equal(
    manager.get('mom4c_command_duration_seconds')?.samples.find(({ name }) => name.endsWith('_count'))?.value,
    1,
  );
  assert.equal(
    manager.get('mom4c_journal_accept_seconds')?.samples.find(({ name }) => name.endsWith('_count'))?.value,
    1,
  );
  for (const operation of ['signed', 'verified', 'sealed', 'opened'])
    assert.ok(total(manager.get('mom4c_letters_total'), { operation }) > 0, operation);
  assert.ok(total(manager.get('mom4c_directory_lookups_total')) > 0);
  for (const session of ['manager', 'active']) {
    assert.equal(total(manager.get('mom4c_xmpp_session_online'), { session }), 1);
    assert.equal(total(manager.get('mom4c_xmpp_logins_total'), { session }), 1);
  }
  const executor = await scrape(domain.node('te1').port);
  assert.equal(total(executor.get('mom4c_agent_starts_total'), { agent: 'sensors' }), 1);
  assert.ok(total(executor.get('mom4c_agent_resident_memory_bytes'), { agent: 'sensors' }) > 10_000_000);
  const expiry = total(executor.get('mom4c_certificate_expiry_timestamp_seconds'), { certificate: 'own' });
  assert.ok(expiry > Date.now() / 1000 && expiry < Date.now() / 1000 + 366 * 86_400);
  const [lag] = executor.get('nodejs_eventloop_lag_p99_seconds')?.samples ?? [];
  assert.ok(lag && Number.isFinite(lag.value), 'the lag of the event loop');
});

// Red with the token given to `log.debug` in first-start.ts, in a field whose name says nothing.
test('no secret is in a log, an argument list or an environment', async () => {
  const root = join(folder, 'lab');
  const secrets = new Map([['token', token], ...(await secretsBelow(join(root, domain.name)))]);
  assert.ok(secrets.size >= 12, [...secrets.keys()].join());
  const spokenOf = { 'te9 stdout': te9.stdout, 'te9 stderr': te9.stderr, 'mom4c -v': spoken };
  const leaders = [te9.pid, ...domain.components.flatMap(({ process: one }) => (one ? [one.pid] : []))];
  const { logs, processes } = wordsOf(root, leaders);
  // The servers, the authority, two nodes with supervisor, bus and agent each, and the manager.
  assert.ok(processes.size >= 20, `two files of ${processes.size / 2} processes`);
  assertNoSecret(secrets, new Map([...Object.entries(spokenOf), ...logs, ...processes]));
});

const nodeFolder = (name: string): string => join(folder, 'lab', domain.name, 'nodes', name);

type Line = { readonly msg: string; readonly [field: string]: unknown };

function linesOf(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
}

async function scrape(port: number): Promise<ReadonlyMap<string, Family>> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  assert.equal(response.status, 200);
  return parseExposition(await response.text());
}
