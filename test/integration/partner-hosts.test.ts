/**
 * What the templates of the XMPP servers make of partners: a component stands for their hosts, and for nothing else; their
 * nodes can be members of a room; and partners come and go without anybody being cut off.
 *
 * Mutations that it is for, not tried yet: check_from taken out; `access: all` for the listener; another secret; no reload (mark not written,
 * no SIGHUP); mod_components_on_reload without its second loop, without its first.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Role } from '@mom4c/core';
import { freePorts, reloadXmppServer, startXmppServer } from '@mom4c/lab';
import type { RunningServer, XmppServerOptions } from '@mom4c/lab';
import { connect, joinRoom, registerAccount, xml } from '@mom4c/xmpp';
import type { XmppSession } from '@mom4c/xmpp';
import { silent } from '../support/hostile-client.ts';
import { openComponent } from '../support/raw-component.ts';
import { smallAuthority } from '../support/small-authority.ts';
import type { SmallAuthority } from '../support/small-authority.ts';
import { XMPP_SERVER } from '../support/xmpp-server.ts';

const DOMAIN = 'alpha.test';
const BETA = 'beta.test';
const GAMMA = 'gamma.test';
const ROOM = 'cluster@conference.alpha.test';
const LINK_SECRET = 'link-of-the-gateway';
const ADAPTER_SECRET = 'link-of-the-adapter';
const PING = xml('ping', { xmlns: 'urn:xmpp:ping' });
const LIMIT_MS = 60_000;

let folder: string;
let authority: SmallAuthority;
let options: XmppServerOptions & { port: number };
let gatewayPort: number;
let adapterPort: number;
let server: RunningServer;
let te1: XmppSession;
let cm1: XmppSession;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mom4c-partners-'));
  chmodSync(folder, 0o711);
  authority = await smallAuthority(folder, DOMAIN);
  const ports = await freePorts(3);
  [gatewayPort, adapterPort] = [ports[0]!, ports[1]!];
  options = {
    folder: join(folder, 'server'),
    domain: DOMAIN,
    tls: (await authority.issue('xmpp', 'server')).files,
    managers: ['cm1'],
    port: ports[2]!,
    people: {
      host: `people.${DOMAIN}`,
      accounts: [],
      component: {
        domain: `commands.${DOMAIN}`,
        port: adapterPort,
        secretFile: write('adapter-secret', ADAPTER_SECRET),
      },
    },
    gateway: {
      port: gatewayPort,
      secretFile: write('link-secret', LINK_SECRET),
      partnerHosts: [BETA, `conference.${BETA}`],
    },
  };
  server = await startXmppServer(XMPP_SERVER, options);
  [te1, cm1] = await Promise.all([logIn('te1', 'te'), logIn('cm1', 'cm')]);
});

after(async () => {
  await Promise.all([te1, cm1].map((session) => session?.stop()));
  await server?.stop();
  rmSync(folder, { recursive: true });
});

test('the component of a partner speaks for the hosts of that partner only', async () => {
  const beta = await openComponent(gatewayPort, BETA, LINK_SECRET);
  const asked = te1.request(`te9@${BETA}/mom4c`, 'get', PING);
  const id = /id=["'](.*?)["']/.exec(await beta.take(/<iq [^>]*te9@beta\.test[^>]*>/))![1];
  beta.say(`<iq type='result' id='${id}' from='te9@${BETA}/mom4c' to='${te1.jid}'/>`);
  await asked;

  beta.say(`<message from='cm1@${DOMAIN}/mom4c' to='${te1.jid}'><body>obey</body></message>`);
  await beta.take(/invalid-from/);
  await assert.rejects(openComponent(gatewayPort, BETA, 'guessed'), /not-authorized|has ended/);
  await assert.rejects(openComponent(gatewayPort, GAMMA, LINK_SECRET), /host-unknown|has ended/);
  await assert.rejects(openComponent(gatewayPort, DOMAIN, LINK_SECRET), /host-unknown|has ended/);
});

// Prosody cannot be told; the gateway sees to it.
if (XMPP_SERVER === 'ejabberd')
  test('the adapter for people does not reach partners', async () => {
    const beta = await openComponent(gatewayPort, BETA, LINK_SECRET);
    const adapter = await openComponent(adapterPort, `commands.${DOMAIN}`, ADAPTER_SECRET);
    const told = new Promise<void>((resolve) => te1.onMessage(() => resolve()));
    const message = (to: string): string =>
      `<message from='commands.${DOMAIN}' to='${to}'><body>from the adapter</body></message>`;
    adapter.say(message(`te9@${BETA}`) + message(te1.jid));
    await told;
    // Whatever of the adapter gets through is there before this.
    await te1.send(xml('message', { to: `te9@${BETA}` }, xml('body', {}, 'from a node')));
    assert.doesNotMatch(await beta.take(/from a node/), /from the adapter/);
    for (const one of [beta, adapter]) one.close();
  });

test('a node of a partner is a member of a room once its owner makes it one, and is invited', async () => {
  const beta = await openComponent(gatewayPort, BETA, LINK_SECRET);
  const foreign = `te9@${BETA}/mom4c`;
  const join = `<presence from='${foreign}' to='${ROOM}/te9'><x xmlns='http://jabber.org/protocol/muc'/></presence>`;
  const room = await joinRoom(cm1, { room: ROOM, nick: 'cm1', create: { whois: 'anyone' }, log: silent });
  const heard = new Promise<string>((resolve) =>
    room.onMessage(({ nick, element }) => {
      if (nick === 'te9') resolve(element.getChildText('body') ?? '');
    }),
  );

  beta.say(join);
  await beta.take(/registration-required/);
  await room.setAffiliation(`te9@${BETA}`, 'member');
  const invite = xml('invite', { to: `te9@${BETA}` });
  await cm1.send(
    xml('message', { to: ROOM }, xml('x', { xmlns: 'http://jabber.org/protocol/muc#user' }, invite)),
  );
  await beta.take(/<invite [^>]*from=["']cm1@alpha\.test/);
  beta.say(join);
  await beta.take(/<status [^>]*code=["']110["']/);
  await room.say(xml('body', {}, 'good morning'));
  await beta.take(/good morning/);
  beta.say(`<message type='groupchat' from='${foreign}' to='${ROOM}'><body>good evening</body></message>`);
  assert.equal(await heard, 'good evening');
  await room.leave();
  beta.close();
});

test('partners come and go while everybody else stays', async () => {
  const beta = await openComponent(gatewayPort, BETA, LINK_SECRET);
  await assert.rejects(openComponent(gatewayPort, GAMMA, LINK_SECRET));
  const lost: unknown[] = [];
  const endWatch = te1.on('offline', (event) => void lost.push(event));

  options = {
    ...options,
    gateway: { ...options.gateway!, partnerHosts: [...options.gateway!.partnerHosts, GAMMA] },
  };
  await reloadXmppServer(XMPP_SERVER, options, server.process);
  // One link to ejabberd stands for all hosts, and two would share what comes in.
  if (XMPP_SERVER === 'ejabberd') beta.close();
  const gamma = await openComponent(gatewayPort, GAMMA, LINK_SECRET);
  const remaining = XMPP_SERVER === 'ejabberd' ? gamma : beta;
  const asked = te1.request(`te7@${GAMMA}/mom4c`, 'get', PING);
  const id = /id=["'](.*?)["']/.exec(await gamma.take(/<iq [^>]*te7@gamma\.test[^>]*>/))![1];
  gamma.say(`<iq type='result' id='${id}' from='te7@${GAMMA}/mom4c' to='${te1.jid}'/>`);
  await asked;
  remaining.say(`<iq type='get' id='b' from='te9@${BETA}/mom4c' to='${DOMAIN}'>${PING.toString()}</iq>`);
  await remaining.take(/<iq [^>]*type=["'](result|error)["']/);

  options = { ...options, gateway: { ...options.gateway!, partnerHosts: [GAMMA] } };
  await reloadXmppServer(XMPP_SERVER, options, server.process);
  beta.close();
  await assert.rejects(openComponent(gatewayPort, BETA, LINK_SECRET), /host-unknown|has ended/);
  gamma.say(`<iq type='get' id='g' from='te7@${GAMMA}/mom4c' to='${DOMAIN}'>${PING.toString()}</iq>`);
  await gamma.take(/<iq [^>]*type=["'](result|error)["']/);
  assert.deepEqual(lost, []);
  endWatch();
  gamma.close();
});

async function logIn(name: string, role: Role): Promise<XmppSession> {
  const tls = await authority.issue(name, role);
  const endpoint = { host: '127.0.0.1', port: server.port, domain: DOMAIN };
  const account = { username: name, password: 'never used' };
  await registerAccount({ ...endpoint, ...account, tls, log: silent });
  const session = connect({ ...endpoint, jid: `${name}@${DOMAIN}/mom4c`, tls, log: silent });
  await session.start(AbortSignal.timeout(LIMIT_MS));
  return session;
}

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}
