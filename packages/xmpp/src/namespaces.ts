/** Names that more than one module here speaks. */
export const NS_STREAM = 'http://etherx.jabber.org/streams';
export const NS_SERVER = 'jabber:server';
export const NS_DIALBACK = 'jabber:server:dialback';
export const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls';
/** XEP-0198. */
export const NS_MANAGEMENT = 'urn:xmpp:sm:3';
export const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
export const NS_STREAM_ERROR = 'urn:ietf:params:xml:ns:xmpp-streams';
export const NS_STANZA_ERROR = 'urn:ietf:params:xml:ns:xmpp-stanzas';
export const NS_PING = 'urn:xmpp:ping';
/** Our application element in errors (RFC 6120 §8.3.4). */
export const NS_MOM4C_ERROR = 'urn:mom4c:errors:1';
