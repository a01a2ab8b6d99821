/** Names that more than one module here speaks. */
export const NS_STREAM = 'http://etherx.jabber.org/streams';
export const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
export const NS_STREAM_ERROR = 'urn:ietf:params:xml:ns:xmpp-streams';
export const NS_STANZA_ERROR = 'urn:ietf:params:xml:ns:xmpp-stanzas';
export const NS_PING = 'urn:xmpp:ping';
/** Our application element in errors (RFC 6120 §8.3.4). */
export const NS_MOM4C_ERROR = 'urn:mom4c:errors:1';
