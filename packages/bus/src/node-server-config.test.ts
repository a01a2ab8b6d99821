// Mutation seen red: (1) an empty list written as an empty `allow`; (2) agentUser may subscribe to `agent.>`;
// (3) agentSubject lets any text through.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentUser, callerUser, nodeServerConfig } from './node-server-config.ts';
import { agentSubject } from './subjects.ts';

type Parsed = {
  listen: string;
  tls: object;
  authorization: { users: { user: string; permissions: object }[] };
};

test('loopback, client certificates, and for each user its own subjects only', () => {
  const files = { ca: '/ca', cert: '/cert', key: '/key' };
  const users = [agentUser('sensors'), callerUser('supervisor')];
  const config = JSON.parse(
    nodeServerConfig({ name: 'te1', folder: '/f', port: -1, files, users }),
  ) as Parsed;
  assert.equal(config.listen, '127.0.0.1:-1');
  assert.deepEqual(config.tls, {
    cert_file: '/cert',
    key_file: '/key',
    ca_file: '/ca',
    verify_and_map: true,
    timeout: 5,
  });
  const [agent, caller] = config.authorization.users;
  const own = ['PING', 'INFO', 'STATS'].flatMap((verb) => [
    `$SRV.${verb}`,
    `$SRV.${verb}.sensors`,
    `$SRV.${verb}.sensors.*`,
  ]);
  assert.deepEqual(agent, {
    user: 'sensors',
    permissions: {
      publish: { deny: ['>'] },
      subscribe: { allow: ['agent.sensors.*', ...own] },
      allow_responses: { max: 1, expires: '1m' },
    },
  });
  assert.deepEqual(caller, {
    user: 'supervisor',
    permissions: { publish: { allow: ['agent.*.*', '$SRV.>'] }, subscribe: { allow: ['_INBOX.>'] } },
  });
});

test('a name that would address others is no subject', () => {
  assert.equal(agentSubject('sensors', 'list'), 'agent.sensors.list');
  for (const bad of ['', '*', '>', 'a.b', 'a b', 'a\r\n', 'x'.repeat(65)]) {
    assert.throws(() => agentSubject(bad, 'list'), { code: 'M4C_BAD_ARGUMENTS' });
    assert.throws(() => agentSubject('sensors', bad), { code: 'M4C_BAD_ARGUMENTS' });
  }
});
