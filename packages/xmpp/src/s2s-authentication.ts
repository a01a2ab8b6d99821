/** How the peer proves which domain it is, by the one way that the policy names. */
import { Mom4cError } from '@mom4c/core';
import { answerDialback, confirmByDialback, isKeyQuestion, isKeyOf } from './dialback-receiver.ts';
import { textOf, xml, type Element } from './element.ts';
import { NS_SASL } from './namespaces.ts';
import type { HostPair, S2sPolicy } from './s2s.ts';
import type { S2sListening } from './s2s-listening.ts';
import { VERDICT_MS, type Phases } from './s2s-phases.ts';
import { belowLevel, Refusal, saslRefusal, unusable } from './s2s-refusal.ts';
import { isSamlAnswer, readSamlInitial } from './saml20.ts';
import { readSaslText, writeSaslText } from './sasl-text.ts';
import type { XmlLink } from './xml-link.ts';

export type Authentication = {
  readonly link: XmlLink;
  readonly phases: Phases;
  readonly listening: S2sListening;
  readonly pair: HostPair;
  readonly id: string;
  readonly policy: S2sPolicy;
  /** What came already, in clear. */
  readonly first: Element | undefined;
  readonly step: (number: number) => void;
};

export type Authenticated = {
  /** A new stream follows (RFC 6120 §6.4.6). */
  readonly restart: boolean;
  /** Stanzas that came already. */
  readonly waiting: readonly Element[];
};

/** Questions about keys before the peer shows its own. */
const MAX_QUESTIONS = 16;
const SUCCESS = `<success xmlns='${NS_SASL}'/>`;

/** @returns undefined: the peer asked about keys of ours, which were good, and went
 *  @throws Refusal, Mom4cError (the link has ended) */
export async function authenticatePeer(asked: Authentication): Promise<Authenticated | undefined> {
  const { policy, first } = asked;
  switch (policy.authentication) {
    case 'SAML20':
      await verifyBySaml(asked);
      return succeed(asked);
    case 'EXTERNAL':
      await verifyByCertificate(asked);
      return succeed(asked);
    case 'dialback':
      return (await verifyByDialback(asked)) ? { restart: false, waiting: [] } : undefined;
    case 'none':
      return { restart: false, waiting: first ? [first] : [] };
  }
}

async function succeed({ link, step }: Authentication): Promise<Authenticated> {
  if (link.pipelined) throw new Refusal(unusable('a stream before log-in'), 'not-authorized');
  await link.write(SUCCESS);
  step(12);
  return { restart: true, waiting: [] };
}

/** @returns the initial response, one character per octet */
async function selected({ link, phases, first, policy }: Authentication): Promise<string> {
  const element = first ?? (await phases.wait('log-in', link.next()));
  if (!element.is('auth', NS_SASL))
    throw new Refusal(belowLevel(`something else than ${policy.authentication}`), 'not-authorized');
  if (element.attrs.mechanism !== policy.authentication)
    throw saslRefusal(belowLevel(`another mechanism than ${policy.authentication}`), 'invalid-mechanism');
  return saslText(element);
}

function saslText(element: Element): string {
  try {
    return readSaslText(textOf(element));
  } catch (error) {
    throw saslRefusal(error as Mom4cError, 'incorrect-encoding');
  }
}

/** Steps 4 to 12. */
async function verifyBySaml(asked: Authentication): Promise<void> {
  const { link, phases, listening, pair, id, step } = asked;
  const { saml } = listening;
  if (!saml)
    throw saslRefusal(
      new Mom4cError('M4C_CONFIG', 'SAML20 without an authentication agent'),
      'temporary-auth-failure',
    );
  const { authzid = pair.remote, idp } = initial(await selected(asked));
  step(4);
  if (authzid !== pair.remote)
    throw saslRefusal(new Mom4cError('M4C_PARTNER_ADDRESS', 'a log-in as another domain'), 'invalid-authzid');
  const ended = new AbortController();
  void link.closed.then(() => ended.abort());
  const tooLate = Promise.withResolvers<never>();
  tooLate.promise.catch(() => {});
  const cancel = listening.clock.after(VERDICT_MS, () =>
    tooLate.reject(saslRefusal(unusable('no verdict in time'), 'temporary-auth-failure')),
  );
  try {
    const begun = saml.begin({ stream: id, pair, authzid, idp, signal: ended.signal });
    const { url, verdict } = await phases.wait('challenge', begun.catch(refused));
    verdict.catch(() => {});
    await link.send(xml('challenge', { xmlns: NS_SASL }, writeSaslText(url)));
    step(5);
    const response = await phases.wait('response', link.next());
    if (!response.is('response', NS_SASL)) throw interrupted(response);
    if (!isSamlAnswer(saslText(response)))
      throw saslRefusal(
        new Mom4cError('M4C_MALFORMED', 'another response than SAML20 has'),
        'malformed-request',
      );
    step(6);
    const said = link.next();
    said.catch(() => {});
    const given = verdict.then(() => undefined, refused);
    const work = Promise.race([given, said, tooLate.promise]);
    const interruption = await phases.wait('verdict', work, 2 * VERDICT_MS);
    if (interruption) throw interrupted(interruption);
  } finally {
    cancel();
  }
}

function initial(message: string): ReturnType<typeof readSamlInitial> {
  try {
    return readSamlInitial(message);
  } catch (error) {
    throw saslRefusal(error as Mom4cError, 'malformed-request');
  }
}

function refused(error: unknown): never {
  throw refusalOf(error);
}

function refusalOf(error: unknown): unknown {
  if (!(error instanceof Mom4cError)) return error;
  return saslRefusal(error, error.retryable ? 'temporary-auth-failure' : 'not-authorized');
}

function interrupted(element: Element): Refusal {
  return element.is('abort', NS_SASL)
    ? saslRefusal(unusable('the peer gave the log-in up'), 'aborted')
    : new Refusal(belowLevel('something else before the verdict'), 'not-authorized');
}

/** XEP-0178 §3: the certificate has been verified for the peer's host by the policy. */
async function verifyByCertificate(asked: Authentication): Promise<void> {
  const authzid = await selected(asked);
  if (authzid !== '' && authzid !== asked.pair.remote)
    throw saslRefusal(new Mom4cError('M4C_PARTNER_ADDRESS', 'a log-in as another domain'), 'invalid-authzid');
}

/** XEP-0220 §2.2. @returns false if the peer only asked: ejabberd does so on a connection of its own */
async function verifyByDialback(asked: Authentication): Promise<boolean> {
  const { link, phases, listening, pair, id, policy } = asked;
  let element = asked.first ?? (await phases.wait('key', link.next()));
  let allGood = true;
  for (let questions = 0; isKeyQuestion(element); questions += 1) {
    if (questions === MAX_QUESTIONS) throw new Refusal(unusable('too many questions'), 'policy-violation');
    allGood = answerDialback({ link, listening, pair, policy, element }) && allGood;
    try {
      element = await phases.wait('key', link.next());
    } catch (error) {
      if (allGood) return false;
      throw error;
    }
  }
  if (!isKeyOf(element, pair))
    throw new Refusal(belowLevel('something else than dialback'), 'not-authorized');
  const ended = new AbortController();
  void link.closed.then(() => ended.abort());
  const confirmed = await phases.wait(
    'verification of the key',
    confirmByDialback({ listening, pair, id, policy, key: textOf(element), signal: ended.signal }),
    VERDICT_MS,
  );
  const answer = { from: pair.local, to: pair.remote, type: confirmed ? 'valid' : 'invalid' };
  const text = xml('db:result', answer).toString();
  if (!confirmed)
    throw new Refusal(new Mom4cError('M4C_PARTNER_LEVEL', 'the key was not confirmed'), undefined, text);
  await link.write(text);
  return true;
}
