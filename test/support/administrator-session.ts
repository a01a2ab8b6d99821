/** The administrator of a lab's domain, logged in, in the process of the test: any number of requests at once. */
import { silentLog, systemClock, systemRandom } from '@mom4c/core';
import type { Log } from '@mom4c/core';
import type { LabDomain } from '@mom4c/lab';
import { Requester, adminSettings, startMember } from '@mom4c/member';
import type { Member } from '@mom4c/member';
import { loadConfig } from '@mom4c/runtime';

export type AdministratorSession = {
  readonly member: Member;
  readonly requester: Requester;
  close(): Promise<void>;
};

/** @param resource of its address */
export async function openAdministrator(
  domain: LabDomain,
  resource: string,
  log: Log = silentLog,
): Promise<AdministratorSession> {
  const stop = new AbortController();
  const stops: (() => void | Promise<void>)[] = [];
  const around = { clock: systemClock, random: systemRandom, log, signal: stop.signal };
  const settings = loadConfig(adminSettings, { file: domain.describe().adminProfile.path });
  const member = await startMember(settings, 'admin', around, (_name, close) => stops.push(close));
  const session = member.session(resource);
  const requester = new Requester(member, session);
  await session.start(stop.signal);
  return {
    member,
    requester,
    async close() {
      stop.abort();
      requester.close();
      await session.stop();
      for (const close of stops.reverse()) await close();
    },
  };
}
