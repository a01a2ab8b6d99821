/** What the corpus was made with and is read with. */

export const DOMAIN = 'alpha.test';
/** Noon of some day, in Unix milliseconds: the clock of all targets stands there. */
export const NOW = Date.UTC(2026, 5, 1, 12);
export const PASSWORD = 'a password';
export const TOKEN = 'dGhlIHRva2VuIG9mIHRlOQ';
/** Hex. */
export const SESSION_KEY = { id: '5e'.repeat(16), key: 'a7'.repeat(32) };
/** What is signed in the corpus. */
export const COMMAND = {
  type: 'command',
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  from: 'cm1@alpha.test',
  to: { room: 'cluster@conference.alpha.test', targets: ['te1', 'te2'] },
  time: NOW,
  expires: NOW + 5_000,
  epoch: { generation: 1, counter: 7 },
  name: 'listsensors',
  args: {},
} as const;
