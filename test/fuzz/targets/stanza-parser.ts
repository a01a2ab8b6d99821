/** The octets of an XML stream, and what reads the stanzas in it. */
import { letterIn } from '@mom4c/member';
import type { Element } from '@mom4c/xmpp';
import { incoming } from '../../../packages/xmpp/src/incoming.ts';
import { filledConfig, occupantPresence } from '../../../packages/xmpp/src/muc.ts';
import { stanzaError } from '../../../packages/xmpp/src/stanza-error.ts';
import { createStanzaParser, MAX_DEPTH } from '../../../packages/xmpp/src/stanza-parser.ts';
import { allOf, command, octetsOf } from '../corpus.ts';
import { Finding, type Target } from '../target.ts';
import { verdictOf } from '../verdict.ts';

const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'" +
  " id='1' from='alpha.test' version='1.0'>";
/** What is longer comes in segments of a network. */
const LONG = 4_096;
const ROOM = 'cluster@conference.alpha.test';
const OWN = 'te1@alpha.test/agent';
const base64 = (octets: Uint8Array): string => Buffer.from(octets).toString('base64');

const STANZAS = [
  `<message from='${ROOM}/cm1' to='${OWN}' type='groupchat'><body>漢字 🜁 é</body></message>`,
  `<iq from='cm@alpha.test/active' id='a' type='set'><x xmlns='jabber:x:encrypted'>${base64(octetsOf('sealed ec'))}</x></iq>`,
  `<presence from='${ROOM}/cm1'><payload xmlns='urn:mom4c:payload:1'>${base64(command)}</payload>` +
    `<x xmlns='jabber:x:signed'>${base64(octetsOf('signed detached cm1'))}</x>` +
    `<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='owner' role='moderator' jid='cm1@alpha.test/a'/>` +
    `<status code='110'/></x></presence>`,
  `<iq from='alpha.test' id='b' type='error'><error type='wait'><service-unavailable ` +
    `xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><mom4c xmlns='urn:mom4c:error:1' code='M4C_BUSY' correlation='c'>` +
    `<detail>later &amp; &#x6f22;</detail></mom4c></error></iq>`,
  `<iq from='${ROOM}' id='c' type='result'><query xmlns='http://jabber.org/protocol/muc#owner'><x ` +
    `xmlns='jabber:x:data' type='form'><field var='muc#roomconfig_persistentroom'><value>0</value></field>` +
    `<field var='muc#roomconfig_membersonly'/><field var='muc#roomconfig_presencebroadcast'/></x></query></iq>`,
  `<iq from='alpha.test' id='d' type='get'><ping xmlns='urn:xmpp:ping'/></iq><![CDATA[ ]]>`,
];

export const stanzaParser: Target = {
  name: 'stanza-parser',
  grammar: 'xml',
  weight: 20,
  seeds: [
    ...STANZAS.map((stanza) => Buffer.from(HEADER + stanza)),
    Buffer.from(HEADER + STANZAS.join(' ') + '</stream:stream>'),
    Buffer.from(HEADER + allOf('sealed ').map((octets) => `<message><a>${base64(octets)}</a></message>`)),
  ],
  run(input) {
    const whole = read(input, [input.length]);
    const cut = read(input, input.length < LONG ? [1, 7, 64, 3] : [1448, 1, 97]);
    // Where reads are cut must change nothing that is told.
    if (whole.told.join('\n') !== cut.told.join('\n'))
      throw new Finding(`in one read: ${whole.told.join()}; in many: ${cut.told.join()}`);
    for (const element of whole.elements) readStanza(element);
    return whole.told.some((told) => told.startsWith('fault')) ? 'refused' : 'accepted';
  },
};

function read(input: Uint8Array, sizes: readonly number[]): { told: string[]; elements: Element[] } {
  const told: string[] = [];
  const elements: Element[] = [];
  const tell = (what: string): void => {
    const last = told.at(-1);
    if (last === 'end' || last?.startsWith('fault')) throw new Finding(`${what} after ${last}`);
    told.push(what);
  };
  const parser = createStanzaParser({
    header: (root) => tell(`header ${root.name}`),
    element(element) {
      if (depthOf(element) > MAX_DEPTH) throw new Finding('an element that is too deep');
      tell(`element ${element.toString()}`);
      elements.push(element);
    },
    dropped: (reason) => tell(`dropped ${reason}`),
    end: () => tell('end'),
    fault: (reason) => tell(`fault ${reason}`),
  });
  for (let at = 0, step = 0; at < input.length; step++) {
    const size = sizes[step % sizes.length]!;
    parser.write(input.subarray(at, at + size));
    at += size;
  }
  return { told, elements };
}

function depthOf(element: Element): number {
  return 1 + Math.max(0, ...element.getChildElements().map(depthOf));
}

function readStanza(element: Element): void {
  verdictOf(() => letterIn(element), ['M4C_NOT_SIGNED', 'M4C_MALFORMED']);
  stanzaError(element);
  const stanza = incoming(element, OWN);
  if (stanza) occupantPresence(ROOM, stanza);
  // A server's form: its values are sent back as they are, and only what XML allows can be sent.
  verdictOf(() => filledConfig(element, { whois: 'moderators' }), ['M4C_ROOM', 'M4C_MALFORMED']);
}
