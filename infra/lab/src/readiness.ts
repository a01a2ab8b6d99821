/** Does a server really answer? Each question is one connection with a limit in time, and a limit on what is read. */
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { LOOPBACK } from './ports.ts';

const QUESTION_MS = 3_000;
const MAX_ANSWER = 16_384;

/** Does anybody take connections there? */
export function acceptsTcp(port: number, host = LOOPBACK): Promise<boolean> {
  return answers(connectTcp({ host, port }), 'connect', undefined, undefined);
}

/** Completes a TLS handshake with a server whose certificate names the host and comes from this authority. */
export async function answersTls(port: number, caFile: string, host = LOOPBACK): Promise<boolean> {
  const socket = await tlsTo({ host, port }, caFile, {});
  return socket !== undefined && answers(socket, 'secureConnect', undefined, undefined);
}

/** Opens an XMPP stream over direct TLS and gets the features of the domain (RFC 6120 section 4.3). */
export async function answersXmpp(
  port: number,
  caFile: string,
  domain: string,
  host = LOOPBACK,
): Promise<boolean> {
  const socket = await tlsTo({ host, port }, caFile, { servername: domain });
  const header = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}' version='1.0'>`;
  return (
    socket !== undefined &&
    answers(socket, 'secureConnect', header, (text) => text.includes('</stream:features>'))
  );
}

/** Undefined where nobody takes connections: a question asked many times while a server starts, and TLS costs much more. */
async function tlsTo(
  { host, port }: { host: string; port: number },
  caFile: string,
  options: { servername?: string },
): Promise<Socket | undefined> {
  if (!(await acceptsTcp(port, host))) return undefined;
  return connectTls({ host, port, ca: readFileSync(caFile), ...options });
}

/** Gets the greeting of a NATS server that demands TLS and offers JetStream. */
export function answersNats(port: number, host = LOOPBACK): Promise<boolean> {
  return answers(connectTcp({ host, port }), 'connect', undefined, isNatsGreeting);
}

function isNatsGreeting(text: string): boolean {
  const end = text.indexOf('\r\n');
  if (end < 0 || !text.startsWith('INFO ')) return false;
  const info = JSON.parse(text.slice(5, end)) as { tls_required?: unknown; jetstream?: unknown };
  return info.tls_required === true && info.jetstream === true;
}

/** @param isAnswer undefined: the connection itself is the answer */
function answers(
  socket: Socket,
  connected: 'connect' | 'secureConnect',
  question: string | undefined,
  isAnswer: ((text: string) => boolean) | undefined,
): Promise<boolean> {
  return new Promise((resolve) => {
    let text = '';
    const finish = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(QUESTION_MS, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
    socket.once(connected, () => {
      if (question !== undefined) socket.write(question);
      if (!isAnswer) finish(true);
    });
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.length > MAX_ANSWER) finish(false);
      else if (isAnswer?.(text)) finish(true);
    });
  });
}
