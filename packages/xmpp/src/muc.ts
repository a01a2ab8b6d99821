/** The stanzas of multi-user chat (XEP-0045), as values; rooms.ts sends them. */
import { Mom4cError, type BareJid } from '@mom4c/core';
import { textOf, xml, type Child, type Element } from './element.ts';
import type { Incoming } from './incoming.ts';

export const NS_MUC = 'http://jabber.org/protocol/muc';
export const NS_MUC_USER = 'http://jabber.org/protocol/muc#user';
const NS_MUC_ADMIN = 'http://jabber.org/protocol/muc#admin';
export const NS_MUC_OWNER = 'http://jabber.org/protocol/muc#owner';
const NS_DATA_FORM = 'jabber:x:data';

export type Affiliation = 'owner' | 'admin' | 'member' | 'outcast' | 'none';
export type Role = 'moderator' | 'participant' | 'visitor' | 'none';

/** What a room's presence says of one occupant. */
export type OccupantPresence = {
  readonly nick: string;
  /** The real full address, where the room shows it to us. */
  readonly jid: string | undefined;
  readonly available: boolean;
  readonly affiliation: Affiliation;
  readonly role: Role;
  /** Are we that? */
  readonly self: boolean;
  /** XEP-0045 §15.6. */
  readonly statuses: ReadonlySet<string>;
  /** Without the room's own elements. */
  readonly children: readonly Element[];
};

export type RoomConfig = {
  /** Who gets to see the real addresses of occupants whose presence is broadcast at all. */
  readonly whois: 'moderators' | 'anyone';
  readonly maxUsers?: number;
};

/** Of an available self-presence: we are in; of an unavailable one: we are out. */
export const STATUS_SELF = '110';
export const STATUS_CREATED = '201';
/** Of an unavailable presence: its occupant goes on under another nick. */
export const STATUS_RENAMED = '303';

export function joinPresence(occupant: string, children: readonly Child[]): Element {
  const history = xml('history', { maxstanzas: '0' });
  return xml('presence', { to: occupant }, xml('x', { xmlns: NS_MUC }, history), ...children);
}

/** @returns undefined if it is no presence of an occupant of `room` */
export function occupantPresence(
  room: BareJid,
  { from, type, element }: Incoming,
): OccupantPresence | undefined {
  const nick = nickIn(room, from);
  if (!nick || (type !== undefined && type !== 'unavailable')) return undefined;
  const x = element.getChild('x', NS_MUC_USER);
  if (!x) return undefined;
  const item = x.getChild('item');
  const statuses = new Set(x.getChildren('status').map((status) => status.attrs.code ?? ''));
  return {
    nick,
    jid: item?.attrs.jid,
    available: type === undefined,
    affiliation: oneOf(AFFILIATIONS, item?.attrs.affiliation),
    role: oneOf(ROLES, item?.attrs.role),
    self: statuses.has(STATUS_SELF),
    statuses,
    children: element.getChildElements().filter((child) => !(child.getNS() ?? '').startsWith(NS_MUC)),
  };
}

/** The nick that an address has in a room; undefined if it is another's, `''` for the room itself. */
export function nickIn(room: BareJid, from: string): string | undefined {
  if (from === room) return '';
  return from.startsWith(`${room}/`) ? from.slice(room.length + 1) : undefined;
}

const AFFILIATIONS: readonly Affiliation[] = ['none', 'owner', 'admin', 'member', 'outcast'];
const ROLES: readonly Role[] = ['none', 'moderator', 'participant', 'visitor'];

/** What is unknown counts as the first: nothing. */
function oneOf<Value extends string>(values: readonly Value[], text: string | undefined): Value {
  return values.find((value) => value === text) ?? values[0]!;
}

export function adminQuery(item: { jid: BareJid; affiliation: Affiliation }): Element {
  return xml('query', { xmlns: NS_MUC_ADMIN }, xml('item', item));
}

export function ownerQuery(child?: Element): Element {
  return xml('query', { xmlns: NS_MUC_OWNER }, child);
}

/** Fields by the names that servers give them; one that a server does not offer must not matter, or be in `REQUIRED`. */
function wishes({ whois, maxUsers }: RoomConfig): Readonly<Record<string, string>> {
  return {
    'muc#roomconfig_persistentroom': '1',
    'muc#roomconfig_membersonly': '1',
    // Not moderated, on purpose: a moderated room of ejabberd 22.10 and later remembers everybody's role, and lets whoever was
    // removed or banned in again with it (processone/ejabberd#4035; seen with 23.01). Voice is no protection that we
    // need, since messages are signed and receivers heed managers only; that who is put out stays out is one.
    'muc#roomconfig_moderatedroom': '0',
    'muc#roomconfig_publicroom': '0',
    public_list: '0',
    'muc#roomconfig_passwordprotectedroom': '0',
    'muc#roomconfig_whois': whois,
    // Whose presence is broadcast, not to whom: else a thousand joins are a million presences.
    'muc#roomconfig_presencebroadcast': 'moderator',
    'muc#roomconfig_changesubject': '0',
    'muc#roomconfig_allowinvites': '0',
    allow_private_messages: '0',
    allow_private_messages_from_visitors: 'nobody',
    // Prosody's name for the same.
    'muc#roomconfig_allowpm': 'none',
    allow_query_users: '0',
    allow_visitor_status: '0',
    allow_visitor_nickchange: '0',
    allow_voice_requests: '0',
    'muc#roomconfig_allowvoicerequests': '0',
    members_by_default: '0',
    allow_subscription: '0',
    mam: '0',
    // Prosody's: a command must not be played back. ejabberd has that for the whole service only.
    'muc#roomconfig_historylength': '0',
    'muc#roomconfig_defaulthistorymessages': '0',
    'muc#roomconfig_enablearchiving': '0',
    'muc#roomconfig_enablelogging': '0',
    ...(maxUsers === undefined ? {} : { 'muc#roomconfig_maxusers': String(maxUsers) }),
  };
}

/** Without these the room would be open to strangers, or lost at a restart. */
const REQUIRED = [
  'muc#roomconfig_persistentroom',
  'muc#roomconfig_membersonly',
  'muc#roomconfig_presencebroadcast',
];

/** Fills in the form that the room offers (XEP-0045 §10.1.3): what we want, and the room's values for the rest.
 *  @throws Mom4cError M4C_ROOM if it lacks a field that matters */
export function filledConfig(offer: Element, config: RoomConfig): Element {
  const form = offer.getChild('query', NS_MUC_OWNER)?.getChild('x', NS_DATA_FORM);
  const wanted = wishes(config);
  const fields = (form?.getChildren('field') ?? []).filter((field) => field.attrs.var !== undefined);
  const missing = REQUIRED.filter((name) => !fields.some((field) => field.attrs.var === name));
  if (missing.length > 0)
    throw new Mom4cError('M4C_ROOM', `the room cannot be configured: no ${missing.join(', ')}`);
  return xml(
    'x',
    { xmlns: NS_DATA_FORM, type: 'submit' },
    ...fields.map((field) => {
      const name = field.attrs.var!;
      const wish = wanted[name];
      const values = wish === undefined ? field.getChildren('value').map(textOf) : [wish];
      return xml('field', { var: name }, ...values.map((value) => xml('value', {}, value)));
    }),
  );
}
