// Mutations seen red, one each: `attributes` left out; `identityProviders` left out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Partner } from '../partner.ts';
import { factsOf } from './s2s-manager.ts';

test('whatever a partner must show, or where it is, makes its link anew when it changes', () => {
  const partner: Partner = {
    ...{ domain: 'beta.test', level: 'sso', hosts: ['beta.test'], address: 'srv', certificates: [] },
    ...{ authority: undefined, agent: undefined, attributes: {}, connect: 'always' },
  };
  const changes: Partial<Partner>[] = [
    { level: 'encrypted' },
    { hosts: ['beta.test', 'conference.beta.test'] },
    { address: { host: 'gateway.beta.test', port: 5269 } },
    { certificates: [Uint8Array.of(1)] },
    { authority: 'PEM' },
    { attributes: { role: ['gateway'] } },
    { identityProviders: { only: ['https://idp.beta.test/'] } },
  ];
  assert.equal(factsOf({ ...partner, connect: 'manual' }), factsOf(partner));
  const all = [partner, ...changes.map((change) => ({ ...partner, ...change }))].map(factsOf);
  assert.equal(new Set(all).size, changes.length + 1);
});
