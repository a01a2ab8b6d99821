/** The life of a program that is a member of a domain: settings, log, identity, metrics, health; apps add what they are for. */
import { systemClock, systemRandom, VERSION } from '@mom4c/core';
import type { Role } from '@mom4c/core';
import {
  answersCheck,
  configFile,
  createMetrics,
  loadConfig,
  runApp,
  startHealthServer,
} from '@mom4c/runtime';
import type { App, HealthCheck, Logger, Metrics } from '@mom4c/runtime';
import type * as z from 'zod';
import { memberMetrics, watchMember } from './activity.ts';
import { healthTls } from './health-tls.ts';
import { identityFindings } from './identity-files.ts';
import { startMember } from './member.ts';
import type { Member, OnStop } from './member.ts';
import { createRefusals } from './refusals.ts';
import type { Refusals } from './refusals.ts';
import type { MemberSettings } from './settings.ts';

export type Running<Settings> = {
  readonly app: App;
  readonly settings: Settings;
  readonly log: Logger;
  readonly member: Member;
  readonly metrics: Metrics;
  readonly refusals: Refusals;
  readonly onStop: OnStop;
};

export type Started = {
  /** For `/readyz`. */
  readonly checks: ReadonlyMap<string, HealthCheck>;
  /** Until then it is not ready, though it answers already; at once where absent. */
  readonly ready?: Promise<void>;
  /** As whom it is known; the address of the member where absent. */
  readonly jid?: string;
};

/** With `--check-config` says what is wrong with its settings. Otherwise reads `--config FILE`, becomes a member, and lives on what `start` has started, until a signal. */
export async function runMember<Schema extends z.ZodObject & z.ZodType<MemberSettings>>({
  name,
  role,
  schema,
  start,
}: {
  readonly name: string;
  readonly role: Role;
  readonly schema: Schema;
  readonly start: (running: Running<z.output<Schema>>) => Promise<Started>;
}): Promise<void> {
  if (answersCheck(schema, process.argv.slice(2), identityFindings)) return;
  await runApp({
    name,
    async start(app) {
      const settings = loadConfig(schema, { file: configFile(process.argv.slice(2)), env: process.env });
      app.log.setLevel(settings.log.level);
      const log = app.log.child({ node: settings.name });
      const around = { clock: systemClock, random: systemRandom, log, signal: app.signal };
      const onStop = app.onStop.bind(app);
      const member = await startMember(settings, role, around, onStop);
      const metrics = createMetrics(name);
      watchMember(metrics, { ...member, version: VERSION });
      const refused = metrics.counter(memberMetrics.refused);
      const refusals = createRefusals({ log, clock: systemClock, count: (code) => refused.add({ code }) });
      onStop('refusals', refusals.flush);
      const {
        checks,
        ready,
        jid = member.address,
      } = await start({
        app,
        settings,
        log,
        member,
        metrics,
        refusals,
        onStop,
      });
      if (settings.health) {
        const tls = healthTls(settings.health, member.authority);
        const health = await startHealthServer({ ...settings.health, tls, checks, metrics, log });
        onStop('health', () => health.stop());
      }
      await ready;
      app.notifyReady({ node: settings.name, jid });
    },
  });
}
