/** A verb of the command line from a command record: arguments, options, help and examples all come from there. */
import { Argument, Command as Verb, InvalidArgumentError, Option } from 'commander';
import * as z from 'zod';
import {
  MAX_LABEL_TERMS,
  Mom4cError,
  isNodeName,
  parseArguments,
  parseDuration,
  parseLabelTerm,
} from '@mom4c/core';
import type { Command } from '@mom4c/core';
import { checkedOutcomes, Requester } from '@mom4c/member';
import type { Member } from '@mom4c/member';
import type { XmppSession } from '@mom4c/xmpp';
import { withMember } from './connection.ts';
import { FORMATS, exitCodeOf, formatAnswer } from './outcomes.ts';
import type { Format } from './outcomes.ts';
import { loadProfile } from './profile.ts';
import { progressOn } from './terminal.ts';

type Options = {
  target?: string[];
  label?: string[];
  timeout: number;
  output: Format;
  state?: string;
  domain?: string;
  verbose?: boolean;
};

export function commandVerb(command: Command): Verb {
  const verb = new Verb(command.name).summary(command.summary).description(helpOf(command));
  const names = argumentsOf(command);
  for (const { name, description } of names) verb.addArgument(new Argument(`<${name}>`, description));
  if (command.runsOn === 'te')
    verb.addOption(
      new Option('-t, --target <names>', 'task executors, by comma; all where absent').argParser(targets),
    );
  verb
    .addOption(
      new Option(
        '-l, --label <selector>',
        `${command.runsOn === 'te' ? 'of these only those' : 'only nodes'} with this label: key=value, key, or key!=value; repeat it for more that must hold`,
      ).argParser(labelTerms),
    )
    .addOption(
      new Option('--timeout <duration>', 'how long the targets have')
        .argParser(duration)
        .default(10_000, '10s'),
    )
    .addOption(new Option('-o, --output <format>', 'form of the answer').choices(FORMATS).default('table'));
  return verb.action(async (...given: unknown[]) => {
    const args = Object.fromEntries(names.map(({ name }, index) => [name, given[index]]));
    await perform(command, args, verb.optsWithGlobals<Options>());
  });
}

async function perform(command: Command, rawArgs: unknown, options: Options): Promise<void> {
  const args = parseArguments(command, rawArgs);
  const progress = progressOn(process.stderr);
  const request = {
    name: command.name,
    args,
    targets: options.target,
    labels: options.label,
    timeout: options.timeout,
  };
  const answer = await withMember(loadProfile(options), options.verbose ?? false, async (member) => {
    const session = member.session(
      `cli-${process.pid}-${Buffer.from(member.random.bytes(4)).toString('hex')}`,
    );
    const requester = new Requester(member, session);
    try {
      progress.show('connecting…');
      await logIn(member, session);
      progress.show('asking the cluster manager…');
      return await requester.send(request, ({ targets: asked }) =>
        progress.show(`accepted; waiting for ${asked.length === 1 ? asked[0] : `${asked.length} nodes`}…`),
      );
    } finally {
      progress.end();
      requester.close();
      await session.stop();
    }
  });
  const outcomes = checkedOutcomes(command, answer.outcomes);
  process.stdout.write(
    formatAnswer(command, { id: answer.id, command: command.name, outcomes }, options.output),
  );
  process.exitCode = exitCodeOf(outcomes);
}

const CONNECT_MS = 15_000;

/** A node tries for ever; a person wants to know. */
async function logIn(member: Member, session: XmppSession): Promise<void> {
  const limit = AbortSignal.timeout(CONNECT_MS);
  try {
    await session.start(AbortSignal.any([member.signal, limit]));
  } catch (thrown) {
    if (!limit.aborted || member.signal.aborted) throw thrown;
    const { host, port } = member.settings.xmpp;
    throw new Mom4cError('M4C_XMPP_UNREACHABLE', `${host}:${port}`, { cause: thrown });
  }
}

function helpOf({ summary, description, examples, access, errors }: Command): string {
  const lines = examples.map(({ line, does }) => `  ${line}\n      ${does}`);
  const mayFail = errors.length > 0 ? `\n\nMay fail with: ${errors.join(', ')}` : '';
  return `${summary}${description ? `\n\n${description}` : ''}\n\nNeeds: ${access}${mayFail}\n\nExamples:\n${lines.join('\n')}`;
}

/** The fields of the command's arguments, in the order of its schema. */
function argumentsOf(command: Command): { name: string; description: string }[] {
  const { shape } = z.instanceof(z.ZodObject).parse(command.args);
  return Object.entries(shape).map(([name, field]) => ({
    name,
    description: (field as z.ZodType).description ?? '',
  }));
}

function targets(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !isNodeName(name));
  if (wrong !== undefined) throw new InvalidArgumentError(`not the name of a node: ${JSON.stringify(wrong)}`);
  return names;
}

function labelTerms(text: string, before: readonly string[] = []): string[] {
  const all = [...before, ...text.split(',')];
  try {
    all.forEach(parseLabelTerm);
  } catch (error) {
    if (!(error instanceof Mom4cError)) throw error;
    throw new InvalidArgumentError(error.detail ?? error.message);
  }
  if (all.length > MAX_LABEL_TERMS) throw new InvalidArgumentError(`at most ${MAX_LABEL_TERMS} of them`);
  return all;
}

/** As the protocol bounds it. */
const MIN_TIMEOUT_MS = 100;
const MAX_TIMEOUT_MS = 600_000;

function duration(text: string): number {
  try {
    const ms = parseDuration(text);
    if (ms >= MIN_TIMEOUT_MS && ms <= MAX_TIMEOUT_MS) return ms;
  } catch (error) {
    if (!(error instanceof Mom4cError)) throw error;
  }
  throw new InvalidArgumentError('a duration from 100ms to 10m, such as 5s');
}
