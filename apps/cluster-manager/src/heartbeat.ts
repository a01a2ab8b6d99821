/** Who says nothing is asked whether it is there: its session answers for it (XEP-0199). What is weighed: docs/adr/0028. */
import type { Member } from '@mom4c/member';
import { Mom4cError } from '@mom4c/core';
import { NS_PING, xml } from '@mom4c/xmpp';
import type { Events } from './events.ts';
import type { Roster } from './roster.ts';
import type { Seat } from './seat.ts';

const ANSWER_MS = 20_000;
const LOOK_MS = 3_600_000;

export type HeartbeatParts = {
  readonly seat: Pick<Seat, 'service'>;
  readonly roster: Roster;
  readonly heard: (name: string) => void;
  readonly pings: { add(): void };
};

export function askForSign({ seat, roster, heard, pings }: HeartbeatParts, name: string): void {
  const here = roster.present(name);
  if (!here) return;
  pings.add();
  seat.service
    .request(here.jid, 'get', xml('ping', { xmlns: NS_PING }), { timeoutMs: ANSWER_MS })
    .then(() => heard(name))
    .catch((thrown: unknown) => {
      // The server knows of no such session, and its word of that did not reach us.
      if (thrown instanceof Mom4cError && thrown.code === 'M4C_XMPP_RECIPIENT') roster.gone(here.jid);
    });
}

/** Every hour: those of the nodes and managers that the directory has shown. */
export function keepLookingAtCertificates({
  member,
  roster,
  events,
}: {
  readonly member: Pick<Member, 'clock' | 'directory' | 'signal' | 'errorOf' | 'log'>;
  readonly roster: Pick<Roster, 'certificates' | 'executors'>;
  readonly events: Pick<Events, 'lookAtCertificates'>;
}): void {
  const { clock, directory, signal, errorOf, log } = member;
  let cancel = (): void => {};
  const look = async (): Promise<void> => {
    cancel = clock.after(LOOK_MS, () => void look());
    try {
      await roster.executors();
      events.lookAtCertificates([...roster.certificates, ...(await directory.byRole('cm'))]);
    } catch (thrown) {
      const { code, detail } = errorOf(thrown);
      log.debug({ code, detail }, 'certificates were not looked at');
    }
  };
  // When it leads, and has seen who is here.
  cancel = clock.after(LOOK_MS / 60, () => void look());
  signal.addEventListener('abort', () => cancel(), { once: true });
}
