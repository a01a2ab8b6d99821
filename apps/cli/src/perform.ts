/** A command of the command line on its way: log in, ask, print; once, or again and again. */
import { Mom4cError, parseArguments } from '@mom4c/core';
import type { Command } from '@mom4c/core';
import { checkedOutcomes, Requester } from '@mom4c/member';
import type { Member, Request } from '@mom4c/member';
import type { XmppSession } from '@mom4c/xmpp';
import { withMember } from './connection.ts';
import type { Format } from './formats.ts';
import { exitCodeOf, formatAnswer, formatDocument } from './outcomes.ts';
import type { Answer } from './outcomes.ts';
import { remember } from './remember.ts';
import { loadProfile } from './profile.ts';
import { screenOn } from './screen.ts';
import { progressOn } from './terminal.ts';
import { watch } from './watch.ts';

export type PerformOptions = {
  target?: string[];
  label?: string[];
  timeout: number;
  output: Format;
  /** Milliseconds; absent: once. */
  watch?: number;
  state?: string;
  domain?: string;
  verbose?: boolean;
};

type Ask = (onAccepted?: (targets: readonly string[]) => void) => Promise<Answer>;

export async function perform(command: Command, rawArgs: unknown, options: PerformOptions): Promise<void> {
  const args = parseArguments(command, rawArgs);
  const { target: targets, label: labels, timeout } = options;
  const request: Request = { name: command.name, args, targets, labels, timeout };
  const progress = progressOn(process.stderr);
  process.exitCode = await withMember(
    await loadProfile(options),
    options.verbose ?? false,
    async (member) => {
      const resource = `cli-${process.pid}-${Buffer.from(member.random.bytes(4)).toString('hex')}`;
      const session = member.session(resource);
      const requester = new Requester(member, session);
      const ask: Ask = async (onAccepted = () => {}) => {
        const { id, outcomes } = await requester.send(request, (accepted) => onAccepted(accepted.targets));
        const answer = { id, command: command.name, outcomes: checkedOutcomes(command, outcomes) };
        if (labels === undefined) remember(answer);
        return answer;
      };
      try {
        progress.show('connecting…');
        await logIn(member, session);
        if (options.watch !== undefined) {
          progress.end();
          return await askOften(command, options.output, options.watch, { member, session, ask });
        }
        progress.show('asking the cluster manager…');
        const answer = await ask((asked) =>
          progress.show(`accepted; waiting for ${asked.length === 1 ? asked[0] : `${asked.length} nodes`}…`),
        );
        progress.end();
        process.stdout.write(formatAnswer(command, answer, options.output));
        return exitCodeOf(command, answer.outcomes);
      } finally {
        progress.end();
        requester.close();
        await session.stop();
      }
    },
  );
}

const CONNECT_MS = 15_000;

/** A node tries for ever; a person wants to know. */
export async function logIn(member: Member, session: XmppSession): Promise<void> {
  const limit = AbortSignal.timeout(CONNECT_MS);
  try {
    await session.start(AbortSignal.any([member.signal, limit]));
  } catch (thrown) {
    if (!limit.aborted || member.signal.aborted) throw thrown;
    const { host, port } = member.settings.xmpp;
    throw new Mom4cError('M4C_XMPP_UNREACHABLE', `${host}:${port}`, { cause: thrown });
  }
}

type Watched = { member: Member; session: XmppSession; ask: Ask };

/** One session for all of it; when the server goes away, the session comes back by itself. */
async function askOften(
  command: Command,
  format: Format,
  intervalMs: number,
  { member, session, ask }: Watched,
): Promise<number> {
  const ended = new AbortController();
  const signal = AbortSignal.any([member.signal, ended.signal]);
  const end = ({ error }: { error: Mom4cError }): void => ended.abort(error);
  session.on('conflict', end);
  session.on('fatal', end);
  const screen = screenOn(process.stdout, format, () => ended.abort());
  session.on('offline', ({ error }) => screen.trouble(error));
  return watch({
    intervalMs,
    clock: member.clock,
    signal,
    async ask() {
      const answer = await ask();
      await screen.show(formatDocument(command, answer, format));
      return exitCodeOf(command, answer.outcomes);
    },
    // That was said when it happened.
    trouble: (error) => void (error.code === 'M4C_XMPP_OFFLINE' || screen.trouble(error)),
  });
}
