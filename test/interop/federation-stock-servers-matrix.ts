/** The levels below `sso` with servers that have no gateway: each way, honest and not. */
import assert from 'node:assert/strict';
import { XMPP_SERVERS } from '@mom4c/lab';
import type { XmppServerKind } from '@mom4c/lab';
import { xml } from '@mom4c/xmpp';
import type { S2sStream } from '@mom4c/xmpp';
import * as hand from '../support/s2s-by-hand.ts';
import type { PemPair, StreamByHand } from '../support/s2s-by-hand.ts';
import { LEVELS, STOCK, openStockFederation } from '../support/stock-federation.ts';
import type { LowLevel, StockFederation } from '../support/stock-federation.ts';
import { refusalOf, versionOf } from './federation-matrix.ts';
import type { Cell, Matrix, Row } from './federation-matrix.ts';

const NS_PING = 'urn:xmpp:ping';
const NS_MUC = 'http://jabber.org/protocol/muc';
const DIALBACK = "<dialback xmlns='urn:xmpp:features:dialback'/>";
const MADE_UP = '0123456789abcdef';
type Seen = Pick<Row, 'seen' | 'outcome'>;

export async function openStockServers(): Promise<Matrix> {
  const federation = await openStockFederation();
  const cells = XMPP_SERVERS.flatMap((kind) => {
    const peer = versionOf(kind);
    const cell = (operation: string, outcome: string, run: () => Promise<Seen>): Cell => ({
      ...{ peer, operation, outcome, run },
    });
    return [
      ...LEVELS.flatMap((level) => honestCells(federation, kind, level, cell)),
      ...refusedCells(federation, kind, cell),
    ];
  });
  return { cells, stop: () => federation.stop() };
}

type MakeCell = (operation: string, outcome: string, run: () => Promise<Seen>) => Cell;

// --- what is to work ------------------------------------------------------------------------------------------------

function honestCells(
  { domains, servers, people }: StockFederation,
  kind: XmppServerKind,
  level: LowLevel,
  cell: MakeCell,
): Cell[] {
  const [ours, theirs] = [domains[level], STOCK[kind]];
  const configured = (port: 'starttls' | 'direct'): Cell =>
    cell(`${level}: we reach it at a configured address, ${port}`, 'works', async () => {
      const stream = await ours.open(theirs, { host: '127.0.0.1', port: servers[kind].s2s[port] });
      const seen = tlsOf(stream);
      await stream.close();
      return { seen, outcome: 'works' };
    });
  return [
    cell(`${level}: it finds us by SRV, we find it by SRV; IQ and its answer`, 'works', async () => {
      assert.deepEqual(await people[kind].perform({ op: 'ping', to: ours.host }), {});
      const inbound = ours.streams.find(({ pair }) => pair.remote === theirs);
      assert.deepEqual(inbound!.pair, { local: ours.host, remote: theirs });
      return { seen: tlsOf(inbound!), outcome: 'works' };
    }),
    cell(`${level}: somebody of ours joins a room of it`, 'works', async () => {
      const [from, to] = [`bob@${ours.host}/x`, `r@conference.${theirs}/bob`];
      await ours.send(xml('presence', { from, to }, xml('x', { xmlns: NS_MUC })));
      const joined = await ours.take(({ name, attrs }) => name === 'presence' && attrs.from === to);
      assert.equal(joined.attrs.to, from);
      const hosts = new Set(
        ours.streams.map(({ pair }) => pair.remote).filter((host) => host.endsWith(theirs)),
      );
      return { seen: `streams from ${[...hosts].toSorted().join(' and ')}`, outcome: 'works' };
    }),
    cell(`${level}: its hosts answer the ping by which we see that they are there`, 'works', async () => {
      const answers = [theirs, `conference.${theirs}`].map(async (to) => {
        const id = `is-there-${to}`;
        await ours.send(xml('iq', { type: 'get', id, from: ours.host, to }, xml('ping', { xmlns: NS_PING })));
        const { attrs } = await ours.take((stanza) => stanza.attrs.id === id);
        assert.deepEqual([attrs.from, attrs.to], [to, ours.host]);
        return `\`${attrs.type}\` of ${to}`;
      });
      return { seen: (await Promise.all(answers)).join(', '), outcome: 'works' };
    }),
    configured('starttls'),
    configured('direct'),
  ];
}

const tlsOf = ({ peer }: S2sStream): string => peer.tls ?? 'in clear';

// --- what is not ----------------------------------------------------------------------------------------------------

function refusedCells(federation: StockFederation, kind: XmppServerKind, cell: MakeCell): Cell[] {
  const { domains, people, strangers } = federation;
  const { encrypted, verified } = domains;
  const theirs = STOCK[kind];

  /** While the partner's authority is one that has not issued its certificate. */
  async function mistrusting(run: () => Promise<Seen>): Promise<Seen> {
    const { partners } = encrypted;
    await encrypted.cut();
    encrypted.partners = partners.map((partner) => ({ ...partner, authority: federation.strangerPem }));
    try {
      return await run();
    } finally {
      encrypted.partners = partners;
    }
  }

  return [
    cell('encrypted: we reach it; its certificate is of another authority', 'M4C_PARTNER_CERTIFICATE', () =>
      mistrusting(async () => {
        const { code, detail } = await refusalOf(encrypted.open(theirs));
        return { seen: detail, outcome: code };
      }),
    ),
    cell('encrypted: it reaches us; its certificate is of another authority', 'M4C_PARTNER_CERTIFICATE', () =>
      mistrusting(async () => {
        const refused = encrypted.refusal();
        const { error } = await people[kind].perform({ op: 'ping', to: encrypted.host });
        const { code, from } = await refused;
        assert.equal(from, theirs);
        return { seen: `its user gets \`${error}\``, outcome: code };
      }),
    ),
    cell('verified: our key of dialback is one that we did not make', 'M4C_PARTNER_LOGIN', async () => {
      const { code, detail } = await refusalOf(verified.open(theirs, 'srv', { wrongKeys: true }));
      return { seen: detail, outcome: code };
    }),
    cell('verified: somebody claims to be it, with a made-up key', 'M4C_PARTNER_LEVEL', async () => {
      const refused = verified.refusal();
      const stream = await hand.connectTlsByHand(verified.port, verified.host, strangers);
      stream.send(hand.header({ from: theirs, to: verified.host }));
      await stream.take(/<dialback [\s\S]*<\/stream:features>/);
      stream.send(`<db:result from='${theirs}' to='${verified.host}'>${MADE_UP}</db:result>`);
      const [, type] = await stream.take(/<db:result [^>]*type=['"](\w+)['"]/);
      const { code, from } = await refused;
      stream.close();
      assert.equal(from, theirs);
      return { seen: `it says that it knows no such key; \`${type}\``, outcome: code };
    }),
    cell('encrypted: somebody claims to be it, by dialback in clear', 'M4C_PARTNER_LEVEL', async () => {
      const refused = encrypted.refusal();
      const stream = await hand.connectByHand(encrypted.port);
      stream.send(hand.header({ from: theirs, to: encrypted.host }));
      const [offer] = await stream.take(/<stream:features>[\s\S]*<\/stream:features>/);
      assert.match(offer, /<starttls [^>]*><required\/><\/starttls>/);
      assert.doesNotMatch(offer, /dialback|mechanism/);
      stream.send(`<db:result from='${theirs}' to='${encrypted.host}'>${MADE_UP}</db:result>`);
      const [, condition] = await stream.take(/<stream:error><([a-z-]+)/);
      stream.close();
      return { seen: `\`${condition}\``, outcome: (await refused).code };
    }),
    ...(
      [
        ['dialback instead of EXTERNAL', federation.pairOf(kind)],
        ['dialback in clear instead of STARTTLS', undefined],
      ] as const
    ).map(([offer, own]) =>
      cell(
        `encrypted: we reach somebody in its place, who offers ${offer}`,
        'M4C_PARTNER_LEVEL',
        async () => {
          const impostor = await offering(own, theirs, encrypted.host);
          const { code, detail } = await refusalOf(
            encrypted.open(theirs, { host: '127.0.0.1', port: impostor.port }),
          );
          await impostor.stop();
          return { seen: detail, outcome: code };
        },
      ),
    ),
  ];
}

/** A server that offers dialback and nothing else. */
function offering(own: PemPair | undefined, from: string, to: string) {
  return hand.listenByHand(own, async (stream: StreamByHand) => {
    await stream.take(/<stream:stream [^>]*>/);
    stream.send(hand.header({ from, to, id: 'x' }) + hand.features(DIALBACK));
  });
}
