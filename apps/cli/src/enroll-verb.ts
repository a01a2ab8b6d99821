/** `mom4c enroll …`: who is let into the domain, and who is put out. */
import { Argument, Command as Verb, Option } from 'commander';
import * as z from 'zod';
import { ENROLLED_ROLES, Mom4cError, REVOCATION_REASONS, formatTable, isNodeName } from '@mom4c/core';
import type { Role } from '@mom4c/core';
import { order, readAnswer } from './authority-order.ts';
import type { OrderOptions } from './authority-order.ts';
import { FORMATS } from './formats.ts';
import type { Format } from './formats.ts';

type TokenOptions = OrderOptions & { name: string; role: Role; ttl: string; legacy?: boolean };
type ListOptions = OrderOptions & { output: Format };
type ApproveOptions = OrderOptions & { name: string; role: Role };
type RevokeOptions = OrderOptions & { serial?: string; reason: string };

export function enrollVerb(): Verb {
  const enroll = new Verb('enroll').description('Let nodes and people into the domain, and put them out.');

  const token = enroll
    .command('token')
    .description(
      'Make a one-time token for the first start of a node. It is the last line of the output, alone; put it into the ' +
        'token file of the node. It is stored hashed, and works once, for this name and role only.',
    )
    .addOption(nameOption())
    .addOption(roleOption())
    .addOption(new Option('--ttl <duration>', 'how long the token is good').default('1h'))
    .addOption(
      new Option(
        '--legacy',
        'let its bearer use weak algorithms (DES, 3DES, SHA-1), as some SCEP clients of others do; at most 1h',
      ),
    )
    .exitOverride();
  token.action(() => makeToken(token.optsWithGlobals<TokenOptions>()));

  const list = enroll
    .command('list')
    .description(
      'List requests without a token that wait for a decision, and those that are decided. What they ask for is what ' +
        'strangers wrote: compare the fingerprint of the key with what the device shows.',
    )
    .addOption(new Option('-o, --output <format>', 'form of the answer').choices(FORMATS).default('table'))
    .exitOverride();
  list.action(() => listEnrolments(list.optsWithGlobals<ListOptions>()));

  const approve = enroll
    .command('approve')
    .description('Issue a certificate for a request that waits. Name and role are what you say.')
    .addArgument(idArgument())
    .addOption(nameOption())
    .addOption(roleOption())
    .exitOverride();
  approve.action((id: string) => approveEnrolment(id, approve.optsWithGlobals<ApproveOptions>()));

  const reject = enroll
    .command('reject')
    .description('Refuse a request that waits.')
    .addArgument(idArgument())
    .exitOverride();
  reject.action((id: string) => rejectEnrolment(id, reject.optsWithGlobals<OrderOptions>()));

  const revoke = enroll
    .command('revoke')
    .description(
      'Revoke all certificates and unused tokens of a name, or one certificate: it goes onto the revocation list, out ' +
        'of the directory, and renews nothing any more. With an administrator go the unused tokens that he made for ' +
        'others. Sessions that are open stay open.',
    )
    .addArgument(new Argument('[name]', 'of the node or person'))
    .addOption(new Option('--serial <hex>', 'of one certificate, instead of a name'))
    .addOption(
      new Option('--reason <reason>', 'as the revocation list gives it')
        .choices(REVOCATION_REASONS)
        .default('unspecified'),
    )
    .exitOverride();
  revoke.action((name: string | undefined) => revokeName(name, revoke.optsWithGlobals<RevokeOptions>()));

  return enroll;
}

const nameOption = (): Option =>
  new Option('--name <name>', 'name of the node or person').makeOptionMandatory();
const roleOption = (): Option =>
  new Option('--role <role>', 'what it may be').choices(ENROLLED_ROLES).makeOptionMandatory();
const idArgument = (): Argument => new Argument('<id>', 'of the request, as `mom4c enroll list` shows it');

/** Unix milliseconds, as far as a Date goes. */
const instant = z.int().min(0).max(8.64e15);

const madeToken = z.object({ token: z.string().regex(/^[\w-]{16,200}$/), expires: instant });

async function makeToken({ name, role, ttl, legacy = false, ...options }: TokenOptions): Promise<void> {
  checkName(name);
  const answer = await order(options, '/tokens', { name, role, ttl, legacy });
  const made = readAnswer(madeToken, answer);
  const weak = legacy ? '; it allows weak algorithms' : '';
  process.stderr.write(`for ${name} (${role}), once, until ${new Date(made.expires).toISOString()}${weak}\n`);
  process.stdout.write(`${made.token}\n`);
}

const enrolments = z.object({
  enrolments: z.array(
    z.object({
      id: z.string(),
      state: z.string(),
      fingerprint: z.string(),
      subject: z.object({
        name: z.string(),
        role: z.string().optional(),
        domain: z.string().optional(),
      }),
      remote: z.string(),
      received: instant,
      expires: instant,
      serial: z.string().optional(),
    }),
  ),
});

async function listEnrolments(options: ListOptions): Promise<void> {
  const { enrolments: found } = readAnswer(enrolments, await order(options, '/enrolments'));
  const shown = found.map(({ received, expires, ...one }) => ({
    ...one,
    received: new Date(received).toISOString(),
    expires: new Date(expires).toISOString(),
  }));
  const columns = ['id', 'state', 'asks for', 'role', 'from', 'received', 'key fingerprint'];
  const table = (): string =>
    formatTable(
      columns,
      shown.map(({ id, state, subject, remote, received, fingerprint }) => [
        id,
        state,
        subject.name,
        subject.role ?? '',
        remote,
        received,
        fingerprint,
      ]),
    );
  // Loaded here: help and completion need none of it.
  const { written } = await import('./written.ts');
  process.stdout.write(written({ enrolments: shown }, options.output, table));
}

const approval = z.object({ serial: z.string() });

async function approveEnrolment(id: string, { name, role, ...options }: ApproveOptions): Promise<void> {
  checkName(name);
  const answer = await order(options, `/enrolments/${checkId(id)}/approve`, { name, role });
  const { serial } = readAnswer(approval, answer);
  process.stdout.write(`approved: ${name} (${role}), certificate ${serial}\n`);
}

async function rejectEnrolment(id: string, options: OrderOptions): Promise<void> {
  await order(options, `/enrolments/${checkId(id)}/reject`, {});
  process.stdout.write(`rejected: ${id}\n`);
}

const revocation = z.object({
  revoked: z.array(z.object({ serial: z.string(), name: z.string(), role: z.string() })),
  tokens: z.number(),
});

async function revokeName(name: string | undefined, options: RevokeOptions): Promise<void> {
  const { serial, reason } = options;
  if ((name === undefined) === (serial === undefined))
    throw new Mom4cError('M4C_USAGE', 'revoke: a name, or --serial, and not both');
  if (name !== undefined) checkName(name);
  const what = name === undefined ? { serial: serial!.replaceAll(':', '').toLowerCase() } : { name };
  const { revoked, tokens } = readAnswer(
    revocation,
    await order(options, '/revocations', { ...what, reason }),
  );
  process.stdout.write(
    formatTable(
      ['serial', 'name', 'role'],
      revoked.map((one) => [one.serial, one.name, one.role]),
    ),
  );
  if (tokens > 0) process.stderr.write(`${tokens} unused tokens are worthless now\n`);
}

function checkName(name: string): void {
  if (!isNodeName(name))
    throw new Mom4cError('M4C_USAGE', `not a name: ${JSON.stringify(name.slice(0, 80))}`);
}

/** It becomes part of a path. */
function checkId(id: string): string {
  if (!/^[0-9a-f]{1,32}$/.test(id))
    throw new Mom4cError('M4C_USAGE', `not the id of a request: ${JSON.stringify(id.slice(0, 80))}`);
  return id;
}
