/**
 * A component for the hosts of a partner, on real servers: all that is for any address of them comes, in order, whoever
 * they are; it speaks as any of them; what a server would end the link for does not leave; a handler that is busy
 * holds the server up and loses nothing; and it comes back.
 *
 * The changes of the code that turn each rule red stand in packages/xmpp/src/component-hosts.test.ts; here it is shown
 * that the servers do as the scripted one does there.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { freePort, startXmppServer } from '@mom4c/lab';
import type { RunningServer } from '@mom4c/lab';
import { connect, createComponentHosts, textOf, xml } from '@mom4c/xmpp';
import type { ComponentHosts, Element, XmppSession } from '@mom4c/xmpp';
import { silent } from '../support/hostile-client.ts';
import { createOpensslAuthority } from '../support/openssl-authority.ts';
import { settles } from '../support/settles.ts';
import { XMPP_SERVER } from '../support/xmpp-server.ts';

const DOMAIN = 'alpha.test';
const [BETA, ROOMS] = ['beta.test', 'conference.beta.test'];
const connections = XMPP_SERVER === 'ejabberd' ? 'one' : 'each';

let folder: string;
let server: RunningServer;
let start: () => Promise<RunningServer>;
let component: ComponentHosts;
let te1: XmppSession;
let handle: (stanza: Element) => void | Promise<void> = () => {};

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-component-'));
  chmodSync(folder, 0o711);
  const authority = createOpensslAuthority(folder);
  const { files: tls } = authority.issue('server', `DNS:${DOMAIN},DNS:conference.${DOMAIN},IP:127.0.0.1`);
  const [port, gatewayPort] = [await freePort(), await freePort()];
  const secretFile = join(folder, 'link-secret');
  writeFileSync(secretFile, 'link-of-the-gateway', { mode: 0o600 });
  const gateway = { port: gatewayPort, secretFile, partnerHosts: [BETA, ROOMS] };
  const options = { folder: join(folder, 'xmpp'), domain: DOMAIN, tls, managers: ['cm1'], port, gateway };
  start = () => startXmppServer(XMPP_SERVER, options);
  server = await start();
  component = createComponentHosts({
    ...{ host: '127.0.0.1', port: gatewayPort, hosts: [BETA, ROOMS], secret: 'link-of-the-gateway' },
    ...{ connections, log: silent },
  });
  component.onStanza((stanza) => handle(stanza));
  await settles(component.start(), 'the component');
  const own = authority.issueFor('te1', `te1@${DOMAIN}`);
  te1 = connect({ host: '127.0.0.1', port, domain: DOMAIN, jid: `te1@${DOMAIN}/x`, tls: own, log: silent });
  await settles(te1.start(), 'the log-in');
  await te1.sendPresence();
});

after(async () => {
  await te1?.stop();
  await component?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true });
});

/** The stanzas from now on, until there are so many. */
function collect(
  count: number,
  work: (stanza: Element) => void | Promise<void> = () => {},
): Promise<Element[]> {
  const all: Element[] = [];
  return settles(
    new Promise((resolve) => {
      handle = (stanza) => {
        if (all.push(stanza) === count) resolve(all);
        return work(stanza);
      };
    }),
    `${count} stanzas`,
  );
}

const message = (from: string | undefined, to: string, text: string): Element =>
  xml('message', { from, to, type: 'chat' }, xml('body', {}, text));
const bodyOf = (stanza: Element): string => textOf(stanza.getChild('body'));

const COUNT = 2_000;

test('what is for the hosts of the partner comes, in order, as it was', async () => {
  const all = collect(COUNT);
  const tos =
    connections === 'one' ? [BETA, `te9@${BETA}/漢字`, `r@${ROOMS}/Zoë`] : [BETA, `te9@${BETA}/漢字`];
  for (let number = 0; number < COUNT; number++)
    await te1.send(message(undefined, tos[number % tos.length]!, `'${number}' 漢字`));
  const came = await all;
  assert.deepEqual(
    came.map(bodyOf),
    came.map((_, number) => `'${number}' 漢字`),
  );
  assert.deepEqual(
    came.map(({ attrs }) => attrs.to),
    came.map((_, number) => tos[number % tos.length]),
  );
  assert.ok(came.every(({ attrs }) => attrs.from === te1.jid && attrs.xmlns === undefined));
});

test('it speaks as any address of the hosts, in order, and as nobody else', async () => {
  const froms = [`te9@${BETA}/y`, BETA, `r@${ROOMS}/Zoë`];
  const heard: string[] = [];
  const last = Promise.withResolvers<void>();
  const unsubscribe = te1.onMessage(({ from, element }) => {
    heard.push(`${from} ${bodyOf(element)}`);
    if (bodyOf(element) === 'last') last.resolve();
  });
  for (const from of froms) await component.send(message(from, te1.jid, 'honest'));
  for (const from of [`cm1@${DOMAIN}/mom4c`, DOMAIN, 'te9@gamma.test', `te9@x.${BETA}`, te1.jid])
    await assert.rejects(
      component.send(message(from, te1.jid, 'forged')),
      (error) => error instanceof Mom4cError && error.code === 'M4C_PARTNER_ADDRESS',
    );
  for (let number = 0; number < COUNT; number++)
    await component.send(message(froms[0], te1.jid, String(number)));
  await component.send(message(froms[0], te1.jid, 'last'));
  await settles(last.promise, 'the last message');
  unsubscribe();
  // What is from different hosts has no order among each other on Prosody.
  assert.deepEqual(
    heard.filter((line) => line.endsWith('honest')).toSorted(),
    froms.map((from) => `${from} honest`).toSorted(),
  );
  const counted = heard.filter((line) => /\d$/.test(line));
  assert.deepEqual(
    counted,
    counted.map((_, number) => `${froms[0]} ${number}`),
  );
  assert.equal(counted.length, COUNT);
  assert.equal(component.online, true);
});

test('a handler that is busy holds the server up, and nothing is lost or overtakes', async () => {
  let working = 0;
  let most = 0;
  const all = collect(500, async () => {
    working += 1;
    most = Math.max(most, working);
    await new Promise(setImmediate);
    working -= 1;
  });
  for (let number = 0; number < 500; number++)
    await te1.send(message(undefined, `te9@${BETA}`, String(number)));
  assert.deepEqual(
    (await all).map(bodyOf),
    Array.from({ length: 500 }, (_, number) => String(number)),
  );
  assert.equal(most, 1);
});

test('it comes back when the server does', async () => {
  const changes: string[] = [];
  const back = Promise.withResolvers<void>();
  component.onOffline(() => void changes.push('offline'));
  component.onOnline(() => {
    changes.push('online');
    back.resolve();
  });
  await server.stop();
  await assert.rejects(component.send(message(BETA, te1.jid, 'nobody')), /M4C_XMPP_OFFLINE/);
  server = await start();
  await settles(back.promise, 'the component');
  const came = collect(1);
  await settles(
    (async () => {
      while (!te1.online) await new Promise<void>((resolve) => void te1.on('online', () => resolve()));
      await te1.send(message(undefined, `te9@${BETA}`, 'again'));
    })(),
    'the session',
  );
  assert.equal(bodyOf((await came)[0]!), 'again');
  assert.deepEqual(changes, ['offline', 'online']);
});
