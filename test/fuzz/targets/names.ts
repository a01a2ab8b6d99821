/** Addresses and durations: what is taken is spelt in one way only. */
import { bareJid, isBareJid, isDomain, isNodeName, isUuidv7, parseDuration, parseJid } from '@mom4c/core';
import { Finding, type Target } from '../target.ts';
import { verdictOf } from '../verdict.ts';

export const address: Target = {
  name: 'address',
  grammar: 'text',
  weight: 6,
  seeds: ['te1@alpha.test', 'cm@alpha.test/active', 'a.b-c_d@x.y.z/漢 @/'].map((text) => Buffer.from(text)),
  run(input) {
    const text = Buffer.from(input).toString();
    return verdictOf(() => {
      const { local, domain, resource } = parseJid(text);
      if (`${local}@${domain}${resource === undefined ? '' : `/${resource}`}` !== text)
        throw new Finding('an address with two spellings');
      if (!isNodeName(local) || !isDomain(domain) || !isBareJid(bareJid(text)))
        throw new Finding('an address that its parts do not allow');
    }, ['M4C_MALFORMED']);
  },
};

export const duration: Target = {
  name: 'duration',
  grammar: 'text',
  weight: 4,
  seeds: ['250ms', '1.5m', '7d', '999999999h'].map((text) => Buffer.from(text)),
  run(input) {
    const text = Buffer.from(input).toString();
    isUuidv7(text);
    return verdictOf(() => {
      const milliseconds = parseDuration(text);
      if (!Number.isSafeInteger(milliseconds) || milliseconds < 0) throw new Finding(`${milliseconds} ms`);
    }, ['M4C_BAD_ARGUMENTS']);
  },
};
