/** An external component (XEP-0114) that says whatever it is told to: a gateway that keeps to no rule. */
import { createHash } from 'node:crypto';
import { connect } from 'node:net';

export type RawComponent = {
  say(xml: string): void;
  /** What the server has said and was not taken yet, up to the first match and with it.
   *  @throws Error where the server ends the stream, or says nothing like it in time */
  take(pattern: RegExp): Promise<string>;
  close(): void;
};

const LIMIT_MS = 20_000;

/** @param host the address that it logs in as @throws Error where the server refuses it */
export async function openComponent(port: number, host: string, secret: string): Promise<RawComponent> {
  const socket = connect({ host: '127.0.0.1', port });
  let text = '';
  let over = false;
  let look = (): void => {};
  socket.on('close', () => {
    over = true;
    look();
  });
  socket.on('error', () => {});
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    look();
  });
  const take = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`${why}: no ${pattern} in ${text.slice(-2000)}`));
      const timer = setTimeout(() => fail('in time'), LIMIT_MS);
      look = () => {
        const found = pattern.exec(text);
        if (!found && !over) return;
        clearTimeout(timer);
        look = () => {};
        if (!found) return fail('the stream has ended');
        const end = found.index + found[0].length;
        resolve(text.slice(0, end));
        text = text.slice(end);
      };
      look();
    });
  const say = (xml: string): void => void socket.write(xml);
  say(
    `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${host}'>`,
  );
  const [, id] = /id=["'](.*?)["']/.exec(await take(/<stream:stream [^>]*>/)) ?? [];
  say(`<handshake>${createHash('sha1').update(`${id}${secret}`).digest('hex')}</handshake>`);
  await take(/<handshake *(\/>|><\/handshake>)/);
  return { say, take, close: () => socket.destroy() };
}
