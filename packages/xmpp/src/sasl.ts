/** One log-in by one SASL mechanism (RFC 4422); the library carries what this says (client.ts). */
export type SaslExchange = {
  readonly name: 'EXTERNAL' | 'SCRAM-SHA-256';
  /** The initial response. */
  first(): string;
  /** @param challenge as decoded from base64, one character per octet
   *  @throws Mom4cError M4C_XMPP_LOGIN */
  answer(challenge: string): Promise<string>;
  /** The server says that we are in. It must have proved whatever the mechanism makes a server prove.
   *  @param data that came with its word, decoded in the same way
   *  @throws Mom4cError M4C_XMPP_LOGIN */
  finish(data: string | undefined): void;
};
