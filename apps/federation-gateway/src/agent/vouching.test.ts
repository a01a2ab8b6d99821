// Mutations seen red: scopes not looked at; names not looked at; a scope that widens what is named; names below a scope allowed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mayVouch } from './vouching.ts';

const may = (
  idp: Parameters<typeof mayVouch>[0],
  identityProviders?: { only: string[] } | { allBut: string[] },
) => mayVouch(idp, { domain: 'beta.test', ...(identityProviders && { identityProviders }) });

test('an identity provider of the metadata vouches for whoever is not kept from it by name', () => {
  const idp = { entityId: 'one' };
  assert.equal(may(idp), true);
  assert.equal(may(idp, { only: ['two', 'one'] }), true);
  assert.equal(may(idp, { only: ['two'] }), false);
  assert.equal(may(idp, { allBut: ['two'] }), true);
  assert.equal(may(idp, { allBut: ['one'] }), false);
});

test('scopes are the very domains, and names widen them not', () => {
  assert.equal(may({ entityId: 'one', scopes: ['alpha.test', 'beta.test'] }), true);
  for (const scopes of [[], ['test'], ['x.beta.test'], ['eta.test']]) {
    assert.equal(may({ entityId: 'one', scopes }), false, String(scopes));
    assert.equal(may({ entityId: 'one', scopes }, { only: ['one'] }), false, String(scopes));
  }
  assert.equal(may({ entityId: 'one', scopes: ['beta.test'] }, { only: ['two'] }), false);
});
