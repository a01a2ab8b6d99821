/** Whatever a member with a good certificate may sign: who says it, to whom, in which role. */
import { createOpener, createSealer, createSigner, createVerifier } from '@mom4c/pki';
import { Freshness, Postbox, type PayloadType } from '@mom4c/messaging';
import { authority, clock, cm1, directory, findKey, random, sessionKey, te1 } from '../corpus.ts';
import { Finding, type Target } from '../target.ts';
import { verdictOfAsync } from '../verdict.ts';
import { PAYLOADS } from './payload.ts';

const SAID_BY_MANAGERS: readonly PayloadType[] = ['accepted', 'rejected', 'outcome', 'command', 'joined'];
const audience = {
  addresses: ['te1@alpha.test'],
  rooms: ['cluster@conference.alpha.test'],
  name: 'te1',
};
const signer = createSigner(cm1);
const sealer = createSealer(random);
const opener = createOpener(te1);
const verifier = createVerifier({ directory, authority, clock });
const stopped = { ...clock, monotonic: () => 0, after: () => () => {} };

export const postbox: Target = {
  name: 'postbox',
  grammar: 'json',
  weight: 4,
  seeds: PAYLOADS.filter((value) => SAID_BY_MANAGERS.includes((value as { type: PayloadType }).type)).map(
    (value) => Buffer.from(JSON.stringify(value)),
  ),
  run: (input) =>
    verdictOfAsync(async () => {
      const sealed = await sealer.sealUnder(await signer.signEnclosed(input), sessionKey);
      const freshness = new Freshness(stopped, { load: () => 0, save() {} });
      const receiver = new Postbox({ signer, verifier, sealer, opener, freshness, findKey });
      const { payload } = await receiver.open({ kind: 'sealed', sealed }, SAID_BY_MANAGERS, audience);
      const { from, to, type } = payload;
      const reached = typeof to === 'string' ? to : to.room;
      if (!cm1.certificate.addresses.includes(from)) throw new Finding(`from ${from}, signed by cm1`);
      if (![...audience.addresses, ...audience.rooms].includes(reached)) throw new Finding(`for ${reached}`);
      if (!SAID_BY_MANAGERS.includes(type)) throw new Finding(`a ${type} from a manager`);
    }, [
      'M4C_MALFORMED',
      'M4C_TOO_LARGE',
      'M4C_UNEXPECTED',
      'M4C_FORBIDDEN',
      'M4C_SENDER_MISMATCH',
      'M4C_NOT_FOR_US',
      'M4C_NOT_A_TARGET',
      'M4C_FUTURE',
      'M4C_EXPIRED',
    ]),
};
