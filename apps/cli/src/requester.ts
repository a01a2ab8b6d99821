/** One request of an administrator: to the service address, accepted or rejected, then its outcome. */
import { Mom4cError, bareJid, jitteredBackoff, pause } from '@mom4c/core';
import type { Certificate } from '@mom4c/core';
import { SERVICE_RESOURCE, currentManagers, letterIn, lettersElements } from '@mom4c/member';
import type { Member } from '@mom4c/member';
import type { PayloadOf, PayloadType, Received } from '@mom4c/messaging';
import type { Element, XmppSession } from '@mom4c/xmpp';

export type Request = {
  name: string;
  args: unknown;
  targets: readonly string[] | undefined;
  /** Milliseconds that the targets have. */
  timeout: number;
};

/** How long the manager may take to accept; after a second without word the same id is sent again. */
const ACCEPT_MS = 10_000;
const ACCEPT_TRY_MS = 2_000;
/** For the way of the outcome, after the deadline. */
const GRACE_MS = 5_000;
const RETRY = { baseMs: 250, capMs: 2_000 };

/** @throws Mom4cError what the manager rejects with; M4C_NO_MANAGER, M4C_TIMEOUT */
export async function sendRequest(
  member: Member,
  session: XmppSession,
  request: Request,
  onAccepted: (accepted: PayloadOf<'accepted'>) => void,
): Promise<PayloadOf<'outcome'>> {
  const id = member.newId();
  const arrived = Promise.withResolvers<PayloadOf<'outcome'>>();
  const unsubscribe = session.onMessage(async ({ from, element }) => {
    const payload = await openFromManager(member, element, ['outcome'], from).catch((thrown: unknown) => {
      const code = thrown instanceof Mom4cError ? thrown.code : 'M4C_INTERNAL';
      member.log.warn({ code, from }, 'refused');
    });
    if (payload?.payload.id === id) arrived.resolve(payload.payload);
  });
  try {
    const accepted = await untilAccepted(member, session, id, request, arrived.promise);
    if (accepted) onAccepted(accepted);
    return await within(member, request.timeout + GRACE_MS, arrived.promise);
  } finally {
    unsubscribe();
  }
}

/** Sends the id again, signed anew, as long as there is a reason to hope. @returns undefined if the outcome was faster */
async function untilAccepted(
  member: Member,
  session: XmppSession,
  id: string,
  request: Request,
  outcome: Promise<unknown>,
): Promise<PayloadOf<'accepted'> | undefined> {
  const managers = await currentManagers(member);
  const backoff = jitteredBackoff({ ...RETRY, random: member.random });
  const limit = member.clock.monotonic() + ACCEPT_MS;
  let finished = false;
  void outcome.then(() => (finished = true));
  for (;;) {
    try {
      return await ask(member, session, id, request, managers);
    } catch (thrown) {
      if (finished) return undefined;
      if (!(thrown instanceof Mom4cError) || !thrown.retryable) throw thrown;
      if (member.clock.monotonic() > limit) throw asNoManager(thrown);
    }
    await pause(backoff.next(), member.clock, member.signal);
    if (member.signal.aborted) throw new Mom4cError('M4C_STOPPED');
  }
}

async function ask(
  member: Member,
  session: XmppSession,
  id: string,
  { name, args, targets, timeout }: Request,
  managers: readonly Certificate[],
): Promise<PayloadOf<'accepted'>> {
  const { clock, address, service, postbox } = member;
  const time = clock.now();
  const payload: PayloadOf<'request'> = {
    type: 'request',
    id,
    from: address,
    to: service,
    time,
    expires: time + Math.max(timeout, ACCEPT_MS),
    name,
    args,
    timeout,
    ...(targets && { targets: [...targets] }),
  };
  const [letter] = lettersElements(await postbox.sealTo(payload, managers));
  const to = `${service}/${SERVICE_RESOURCE}`;
  const answer = await session.request(to, 'set', letter!, { timeoutMs: ACCEPT_TRY_MS });
  const { payload: said } = await openFromManager(member, answer, ['accepted', 'rejected'], to);
  if (said.id !== id) throw new Mom4cError('M4C_UNEXPECTED', 'the answer to another request');
  if (said.type === 'rejected')
    throw new Mom4cError(said.error.code, said.error.detail, { correlation: said.error.correlation });
  return said;
}

async function openFromManager<T extends PayloadType>(
  member: Member,
  element: Element,
  expected: readonly T[],
  from: string,
): Promise<Received<T>> {
  const letter = letterIn(element);
  if (!letter) throw new Mom4cError('M4C_NOT_SIGNED');
  const audience = { addresses: [member.address], rooms: [], name: member.settings.name };
  return member.postbox.open(letter, expected, audience, bareJid(from));
}

/** The server's word for "nobody is logged in there", in the user's terms. */
function asNoManager(error: Mom4cError): Mom4cError {
  if (error.code !== 'M4C_XMPP_RECIPIENT' && error.code !== 'M4C_TIMEOUT') return error;
  return new Mom4cError('M4C_NO_MANAGER', `tried for ${ACCEPT_MS / 1000} s`, { cause: error });
}

async function within<T>(member: Member, ms: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const cancel = member.clock.after(ms, () =>
    late.reject(new Mom4cError('M4C_TIMEOUT', 'the outcome did not arrive')),
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    cancel();
  }
}
