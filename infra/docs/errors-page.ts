/** docs/errors.md: the catalogue of errors, and the exit codes that they lead to. */
import { ERRORS, EXIT } from '@mom4c/core';
import type { ErrorEntry } from '@mom4c/core';
import { GENERATED, code, page, table } from './markdown.ts';

const AREAS: Readonly<Record<string, string>> = {
  1: 'General',
  2: 'Identity',
  3: 'Messages',
  4: 'Cluster',
  5: 'Node and sensors',
  6: 'Servers',
  7: 'Operation',
  8: 'Federation',
};

/** A new exit code must be put into words here. */
const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'Every target did it.',
  bug: 'A bug in mom4c. The message holds a correlation id, under which the log has the whole fault.',
  usage: 'The command line cannot be understood, or the arguments do not fit the command.',
  partial: 'The command ran, but at least one target refused or failed.',
  noAnswer: 'The command ran, but at least one target gave no answer by the deadline. Goes before `3`.',
  refused: 'The request was refused: a right is missing, or a message was not acceptable.',
  notFound: 'There is no such target or thing.',
  unavailable: 'A server, a program or the cluster manager is away, or has too much to do.',
  identity: 'Something is wrong with a certificate, a token or a keystore.',
  config: 'The configuration has faults, or there is no profile.',
};

export function errorsPage(): string {
  const entries: [string, ErrorEntry][] = Object.entries(ERRORS);
  const areas = Object.entries(AREAS).flatMap(([digit, title]) => {
    const rows = entries.filter(([, { number }]) => Math.floor(number / 100) === Number(digit)).map(row);
    return rows.length === 0 ? [] : [`## ${digit}xx: ${title}`, table(COLUMNS, rows)];
  });
  const exits = Object.entries(EXIT_MEANINGS).map(([name, meaning]) => [
    code(String(EXIT[name as keyof typeof EXIT])),
    meaning,
  ]);
  return page(
    GENERATED,
    '# Errors',
    'One table serves XMPP, NATS and the command line. Over XMPP a code travels in ' +
      '`<mom4c xmlns="urn:mom4c:errors:1" code="…"/>` beside the standard condition, over NATS in the headers ' +
      '`Nats-Service-Error` (code) and `Nats-Service-Error-Code` (number), and it decides the exit code of `mom4c`. ' +
      'The type `wait` means: the same request may be sent again. Codes and numbers never change their meaning.',
    '## Exit codes of mom4c',
    table(['Exit code', 'Meaning'], exits),
    ...areas,
  );
}

const COLUMNS = ['Code', 'Number', 'XMPP type', 'XMPP condition', 'Exit code', 'What it says', 'What to do'];

function row([name, { number, type, condition, exit, text, fix }]: [string, ErrorEntry]): string[] {
  return [code(name), String(number), code(type), code(condition), String(exit), text, fix];
}
