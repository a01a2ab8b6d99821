/** A user of SAML who follows any URL, compares nothing, and shows what it gets: for attacks, and for honest twins. */
import {
  PAOS_HEADER,
  PAOS_MEDIA_TYPE,
  readIdpAnswer,
  readPaosRequest,
  writeIdpRequest,
  writePaosResponse,
} from '@mom4c/saml';
import { ask, type Asked } from './https-ask.ts';

export type Carried = {
  /** A SAML response, XML. */
  readonly response: string;
  readonly relayState: string | undefined;
  /** Where the relying party wants it. */
  readonly consumerUrl: string;
};

export type NaiveUser = {
  /** Asks at the address of a challenge, and has its request answered by the identity provider. */
  fetch(url: string): Promise<Carried>;
  bring(carried: Carried): Promise<Asked>;
};

/** @param idp its address for ECP */
export function createNaiveUser(account: { user: string; password: string }, idp: string): NaiveUser {
  const authorization = `Basic ${Buffer.from(`${account.user}:${account.password}`).toString('base64')}`;
  return {
    async fetch(url) {
      const offer = await ask(url, { headers: { accept: PAOS_MEDIA_TYPE, paos: PAOS_HEADER } });
      const { request, consumerUrl, relayState } = readPaosRequest(offer.text);
      const answer = await ask(idp, {
        headers: { authorization, 'content-type': 'text/xml' },
        body: writeIdpRequest(request),
      });
      return { response: readIdpAnswer(answer.text).response, relayState, consumerUrl };
    },
    bring: ({ response, relayState, consumerUrl }) =>
      ask(consumerUrl, {
        headers: { 'content-type': PAOS_MEDIA_TYPE },
        body: writePaosResponse({ response, relayState }),
      }),
  };
}
