import net from 'node:net';

/** A TCP relay that can cut its connections, as a dying client does, or hold them up, as a network that drops packets. */
export async function cuttableProxy(target: number) {
  const sockets = new Set<net.Socket>();
  let refusing = false;
  let holding = false;
  const server = net.createServer((client) => {
    if (refusing) return void client.destroy();
    const upstream = net.connect(target, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
      if (holding) from.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    cut,
    refuse: () => void (refusing = true),
    accept: () => void (refusing = false),
    /** Nothing passes any more, and nobody is told. */
    hold: () => {
      holding = true;
      for (const socket of sockets) socket.pause();
    },
    release: () => {
      holding = false;
      for (const socket of sockets) socket.resume();
    },
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
