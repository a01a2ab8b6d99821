/**
 * The one table of errors. A code travels as the application element of an XMPP error, as a NATS service error and
 * as the CLI's exit code. Numbers are append-only: never change or reuse one. Whether a call may be tried again is
 * decided by the XMPP error type (`wait`), never by reading text.
 */

/** RFC 6120 §8.3.2: what the receiver of an error may do about it. */
export type XmppErrorType = 'auth' | 'cancel' | 'modify' | 'wait';

/** RFC 6120 §8.3.3, those that we use. */
export type XmppCondition =
  | 'bad-request'
  | 'conflict'
  | 'feature-not-implemented'
  | 'forbidden'
  | 'gone'
  | 'internal-server-error'
  | 'item-not-found'
  | 'not-acceptable'
  | 'not-allowed'
  | 'not-authorized'
  | 'policy-violation'
  | 'recipient-unavailable'
  | 'remote-server-not-found'
  | 'remote-server-timeout'
  | 'resource-constraint'
  | 'service-unavailable'
  | 'undefined-condition'
  | 'unexpected-request';

/** Exit codes of the command line; stable, documented in docs/errors.md. */
export const EXIT = {
  ok: 0,
  bug: 1,
  usage: 2,
  /** The command ran, but at least one target refused or failed, or was stopped while it acted. */
  partial: 3,
  /** The command ran, but at least one target gave no answer by the deadline. */
  noAnswer: 4,
  refused: 5,
  notFound: 6,
  unavailable: 7,
  identity: 8,
  config: 9,
} as const;

export type ErrorEntry = {
  /** By area: 1xx general, 2xx identity, 3xx messages, 4xx cluster, 5xx node and sensors, 6xx servers, 7xx operation,
   *  8xx federation. */
  readonly number: number;
  readonly type: XmppErrorType;
  readonly condition: XmppCondition;
  readonly exit: number;
  readonly text: string;
  readonly fix: string;
};

const entry = (
  number: number,
  type: XmppErrorType,
  condition: XmppCondition,
  exit: number,
  text: string,
  fix: string,
): ErrorEntry => Object.freeze({ number, type, condition, exit, text, fix });

// biome-ignore format: a table is read line by line
export const ERRORS = {
  // 1xx: general
  M4C_INTERNAL: entry(100, 'cancel', 'internal-server-error', EXIT.bug, 'An unexpected fault.', 'Report it with the correlation id; the log of that process holds the whole fault under this id.'),
  M4C_UNKNOWN_COMMAND: entry(101, 'cancel', 'feature-not-implemented', EXIT.usage, 'There is no such command.', 'List the commands with `mom4c help`; the node may run an older version.'),
  M4C_BAD_ARGUMENTS: entry(102, 'modify', 'bad-request', EXIT.usage, 'The arguments do not fit the command.', 'Compare with `mom4c help <command>`.'),
  M4C_BAD_RESULT: entry(103, 'cancel', 'internal-server-error', EXIT.bug, 'The command produced a result outside of its own schema.', 'This is a bug or a hostile component; see the log of the node.'),
  M4C_FORBIDDEN: entry(104, 'auth', 'forbidden', EXIT.refused, 'The sender may not do that.', 'Use an identity whose role allows the command (`mom4c help <command>` names it).'),
  M4C_BUSY: entry(105, 'wait', 'resource-constraint', EXIT.unavailable, 'The receiver has as much to do as it accepts.', 'Try again later; the same id may be sent again.'),
  M4C_TIMEOUT: entry(106, 'wait', 'remote-server-timeout', EXIT.unavailable, 'No answer came in time.', 'Check with `mom4c nodes` who is present, raise --timeout, try again.'),
  M4C_STOPPED: entry(107, 'wait', 'service-unavailable', EXIT.unavailable, 'The process is stopping.', 'Try again once it has started again.'),

  // 2xx: identity, certificates, enrolment
  M4C_TOKEN_INVALID: entry(200, 'auth', 'not-authorized', EXIT.identity, 'The enrolment token is not known, or was made for another name or role, or was used before.', 'Make a new one: `mom4c enroll token --name NAME --role ROLE`.'),
  M4C_TOKEN_EXPIRED: entry(201, 'auth', 'not-authorized', EXIT.identity, 'The enrolment token has expired.', 'Make a new one: `mom4c enroll token --name NAME --role ROLE --ttl 1h`.'),
  M4C_CA_UNREACHABLE: entry(202, 'wait', 'remote-server-timeout', EXIT.unavailable, 'The certificate authority cannot be reached.', 'Check the SCEP URL, the network and whether the certificate authority runs.'),
  M4C_CA_REFUSED: entry(203, 'cancel', 'not-acceptable', EXIT.identity, 'The certificate authority refused the request.', 'The log of the certificate authority names the reason under the same transaction id.'),
  M4C_CA_NOT_TRUSTED: entry(204, 'auth', 'not-authorized', EXIT.identity, 'The certificate authority is not the one whose fingerprint is configured.', 'Compare the configured fingerprint with the one that the administrator of the domain gives you.'),
  M4C_KEYSTORE_PASSWORD: entry(205, 'auth', 'not-authorized', EXIT.identity, 'The keystore does not open with this password.', 'Check the password file; if the password is lost, delete the keystore and enrol again with a new token.'),
  M4C_KEYSTORE_UNREADABLE: entry(206, 'cancel', 'not-acceptable', EXIT.identity, 'The keystore cannot be read, or is no PKCS#12 file.', 'Check path, owner and mode (0600); restore it or enrol again with a new token.'),
  M4C_CERTIFICATE_NAME: entry(207, 'auth', 'not-authorized', EXIT.identity, 'The certificate names somebody else.', 'Configure the name that the certificate carries, or enrol under the configured name.'),
  M4C_CERTIFICATE_UNKNOWN: entry(208, 'auth', 'not-authorized', EXIT.identity, 'The certificate is not in the directory of the domain.', 'Enrol the sender; if that was just now, wait for its publication.'),
  M4C_CERTIFICATE_INVALID: entry(209, 'auth', 'not-authorized', EXIT.identity, 'The certificate is not valid: not issued by the authority of the domain, or outside of its time.', 'Renew it; if it looks valid, compare the clocks.'),
  M4C_NOT_PUBLISHED: entry(210, 'wait', 'remote-server-timeout', EXIT.unavailable, 'The own certificate has not appeared in the directory.', 'Check that the certificate authority can write to the directory; its log names the reason.'),
  M4C_NO_TOKEN: entry(211, 'auth', 'not-authorized', EXIT.identity, 'There is neither a keystore nor an enrolment token.', 'Make a token with `mom4c enroll token` and put it into the configured token file.'),
  M4C_REGISTRATION: entry(212, 'cancel', 'not-allowed', EXIT.identity, 'The XMPP server refused to register the account.', 'Allow in-band registration from the network of the node, or make the account beforehand.'),
  M4C_ENROLMENT_PENDING: entry(213, 'wait', 'not-authorized', EXIT.identity, 'A person has to approve this enrolment.', 'Compare the fingerprint of the key with the one that `mom4c enroll list` shows, then `mom4c enroll approve ID --name NAME --role ROLE`.'),
  M4C_ENROLMENT_REJECTED: entry(214, 'auth', 'forbidden', EXIT.identity, 'A person has rejected this enrolment.', 'Ask the administrator of the domain; remove the file of the enrolment key to ask anew.'),
  M4C_ENROLMENT_UNKNOWN: entry(215, 'modify', 'item-not-found', EXIT.notFound, 'There is no such enrolment or certificate.', 'List them with `mom4c enroll list`.'),

  // 3xx: messages
  M4C_MALFORMED: entry(300, 'modify', 'bad-request', EXIT.refused, 'The message cannot be parsed.', 'The sender does not speak this protocol, or its version differs.'),
  M4C_NOT_SIGNED: entry(301, 'auth', 'not-authorized', EXIT.refused, 'The message is not signed.', 'Send signed messages only.'),
  M4C_NOT_SEALED: entry(302, 'auth', 'not-authorized', EXIT.refused, 'The message is signed but not encrypted.', 'Encrypt for the recipient or under the key of the room.'),
  M4C_BAD_SIGNATURE: entry(303, 'auth', 'not-authorized', EXIT.refused, 'The signature does not fit the message.', 'The message was changed on its way, or the signer uses another key than its certificate.'),
  M4C_NOT_FOR_US: entry(304, 'cancel', 'not-acceptable', EXIT.refused, 'The message is meant for somebody else.', 'Address it under the signature to the receiver, or to a room that the receiver has joined.'),
  M4C_SENDER_MISMATCH: entry(305, 'auth', 'not-authorized', EXIT.refused, 'The sender named in the message is not the one who signed or sent it.', 'Send under the address that the certificate names.'),
  M4C_EXPIRED: entry(306, 'cancel', 'gone', EXIT.refused, 'The message is too old, or has expired.', 'Send it anew; if it was just made, compare the clocks.'),
  M4C_FUTURE: entry(307, 'cancel', 'not-acceptable', EXIT.refused, 'The message carries a time in the future.', 'Compare the clocks of sender and receiver.'),
  M4C_REPLAY: entry(308, 'cancel', 'conflict', EXIT.refused, 'A message with this id was seen before.', 'Nothing needs doing if you did not send it twice; else use a new id.'),
  M4C_TOO_LARGE: entry(309, 'modify', 'policy-violation', EXIT.refused, 'The message is larger than the receiver accepts.', 'Ask for less: fewer targets or fewer sensors.'),
  M4C_CANNOT_OPEN: entry(310, 'auth', 'not-acceptable', EXIT.refused, 'The message is not encrypted for a key that the receiver holds.', 'Fetch the certificates of the recipients again; in a room, ask for the current key.'),
  M4C_EPOCH: entry(311, 'cancel', 'gone', EXIT.refused, 'The message comes from a cluster manager that has been replaced, or under a generation that the authority has not stated.', 'Send to the active cluster manager; if the data of all NATS servers is gone: `mom4c managers reset-epoch`.'),
  M4C_UNEXPECTED: entry(312, 'cancel', 'unexpected-request', EXIT.refused, 'A message of this type is not expected here.', 'Nothing; it was dropped.'),
  M4C_NOT_A_TARGET: entry(313, 'cancel', 'not-acceptable', EXIT.refused, 'The message is for other nodes of this room.', 'Nothing; each node of a room hears what is for some of them.'),
  M4C_NOT_HEARD: entry(314, 'auth', 'forbidden', EXIT.refused, 'The receiver does not listen to this sender; the message was dropped unread.', 'Send requests to the cluster manager; task executors listen to nobody else.'),

  // 4xx: cluster
  M4C_NO_MANAGER: entry(400, 'wait', 'recipient-unavailable', EXIT.unavailable, 'No cluster manager is active in this domain.', 'Start one, or wait for the take-over; `mom4c lab status` shows a lab.'),
  M4C_UNKNOWN_TARGET: entry(401, 'modify', 'item-not-found', EXIT.notFound, 'A target is not a task executor of this domain.', 'List the nodes with `mom4c nodes`.'),
  M4C_NO_TARGETS: entry(402, 'modify', 'item-not-found', EXIT.notFound, 'The command has no target.', 'Enrol a task executor, or name others with --target.'),
  M4C_NO_ANSWER: entry(403, 'wait', 'remote-server-timeout', EXIT.noAnswer, 'The target did not answer by the deadline.', 'Check the node; raise --timeout; send the command again.'),
  M4C_TARGET_ABSENT: entry(404, 'wait', 'recipient-unavailable', EXIT.noAnswer, 'The target is enrolled but not present.', 'Start the node, or check its network.'),
  M4C_JOURNAL: entry(405, 'wait', 'resource-constraint', EXIT.unavailable, 'The journal cannot be written, so the command was not accepted.', 'Check the disk of the cluster manager and the NATS server.'),
  M4C_NO_QUORUM: entry(406, 'wait', 'resource-constraint', EXIT.unavailable, 'The servers of the journal have no majority, so nothing is confirmed.', 'Bring back a second one of the three NATS servers; what was accepted goes on by itself then, and what was refused may until its deadline.'),
  M4C_OUTCOME_UNKNOWN: entry(407, 'cancel', 'internal-server-error', EXIT.partial, 'The node was stopped while it acted: whether it did is not known, and it was not tried again.', 'Look at the device; send the command again under a new id if it has to be done.'),
  M4C_NOT_A_STANDBY: entry(408, 'modify', 'item-not-found', EXIT.notFound, 'This cluster manager does not stand by.', 'List the managers with `mom4c managers`; one that stands by has followed the journal to its end.'),
  M4C_NOT_ELIGIBLE: entry(409, 'modify', 'not-allowed', EXIT.partial, 'This node may not become a manager.', 'Give its settings a section `manager`; `mom4c nodes` tells which nodes have one. See docs/fail-over.md.'),

  // 5xx: node and sensors
  M4C_SENSOR_UNREADABLE: entry(500, 'cancel', 'internal-server-error', EXIT.partial, 'The sensor cannot be read.', 'Check the device and its driver on the node.'),
  M4C_SENSOR_UNKNOWN: entry(501, 'modify', 'item-not-found', EXIT.notFound, 'The node has no such sensor.', 'List its sensors with `mom4c listsensors`.'),
  M4C_AGENT_UNAVAILABLE: entry(502, 'wait', 'service-unavailable', EXIT.partial, 'The component that this command needs does not run on the node.', 'The supervisor starts it again by itself; see the log of the node if that goes on.'),
  M4C_AGENT_TIMEOUT: entry(503, 'wait', 'remote-server-timeout', EXIT.partial, 'The component that this command needs did not answer in time.', 'See the log of the node.'),
  M4C_RECORD: entry(504, 'wait', 'resource-constraint', EXIT.partial, 'The node cannot read or write its record of commands, so the command was not begun.', 'Check the disk under the state folder of the node.'),
  M4C_ACTUATOR_UNKNOWN: entry(505, 'modify', 'item-not-found', EXIT.partial, 'The node has no such actuator.', 'List its actuators with `mom4c listactuators`; the settings of the node name them.'),
  M4C_ACTUATOR_LIMIT: entry(506, 'modify', 'not-acceptable', EXIT.partial, 'The value is outside of what this actuator may have.', '`mom4c listactuators` shows the limits; the settings of the node set them.'),
  M4C_ACTUATOR_FAILED: entry(507, 'cancel', 'internal-server-error', EXIT.partial, 'The device of the actuator cannot be read or written.', 'Check the device, its driver, and the rights of the node to write to it.'),

  // 6xx: servers
  M4C_XMPP_UNREACHABLE: entry(600, 'wait', 'remote-server-timeout', EXIT.unavailable, 'The XMPP server cannot be reached.', 'Check host, port, network and whether it runs; the node keeps trying.'),
  M4C_XMPP_LOGIN: entry(601, 'auth', 'not-authorized', EXIT.identity, 'The XMPP server refused the log-in.', 'Check the certificate, or the password file, and the address.'),
  M4C_XMPP_CONFLICT: entry(602, 'cancel', 'conflict', EXIT.unavailable, 'Another session has taken this address.', 'Stop the second process that runs under the same name.'),
  M4C_XMPP_OFFLINE: entry(603, 'wait', 'recipient-unavailable', EXIT.unavailable, 'There is no session with the XMPP server now.', 'Wait for the reconnection.'),
  M4C_ROOM: entry(604, 'wait', 'not-allowed', EXIT.unavailable, 'The room cannot be joined or configured.', 'Check the room service and who owns the room.'),
  M4C_DIRECTORY_UNREACHABLE: entry(605, 'wait', 'remote-server-timeout', EXIT.unavailable, 'The LDAP directory cannot be reached.', 'Check URL, network, certificate and whether it runs.'),
  M4C_DIRECTORY_ENTRY: entry(606, 'cancel', 'not-acceptable', EXIT.identity, 'The LDAP directory gave an answer that is not acceptable.', 'Check who may write to the directory; only the certificate authority should.'),
  M4C_BUS_UNREACHABLE: entry(607, 'wait', 'remote-server-timeout', EXIT.unavailable, 'The NATS server cannot be reached.', 'Check URL, certificate and whether it runs.'),
  M4C_TLS: entry(608, 'auth', 'not-authorized', EXIT.identity, 'The certificate of the server is not acceptable.', 'Check the configured authority and the host name in the configuration.'),
  M4C_PEER: entry(609, 'cancel', 'undefined-condition', EXIT.unavailable, 'The other side answered with an error that is not in the catalogue.', 'See the condition in the message, and the log of the server.'),
  M4C_XMPP_RECIPIENT: entry(610, 'wait', 'recipient-unavailable', EXIT.unavailable, 'The addressee is not connected, or does not offer this service.', 'Check that the node runs and is present; then try again.'),

  // 7xx: operation
  M4C_CONFIG: entry(700, 'modify', 'bad-request', EXIT.config, 'The configuration has faults.', 'Mend the named settings; docs/config.md lists them all.'),
  M4C_USAGE: entry(701, 'modify', 'bad-request', EXIT.usage, 'The command line cannot be understood.', 'See `mom4c help`.'),
  M4C_NO_PROFILE: entry(702, 'modify', 'item-not-found', EXIT.config, 'There is neither a profile nor a lab here.', 'Start one with `mom4c lab up`, or name it with --state DIR, or configure a profile.'),
  M4C_LAB: entry(703, 'cancel', 'internal-server-error', EXIT.unavailable, 'The lab could not do that.', 'See the named log; `mom4c lab down` clears what is left.'),
  M4C_PACKAGE_MISSING: entry(704, 'cancel', 'item-not-found', EXIT.unavailable, 'A program that is needed is not installed.', 'Install it with the named command.'),
  M4C_CLOCK: entry(705, 'cancel', 'not-acceptable', EXIT.identity, 'The clock of this machine is wrong.', 'Let it be set by NTP (`timedatectl set-ntp true`, or chrony); peers refuse what is 10 s ahead or 60 s behind.'),

  // 8xx: federation
  M4C_PARTNER_UNKNOWN: entry(800, 'auth', 'remote-server-not-found', EXIT.notFound, 'This domain is no partner.', 'List the partners with `mom4c federation partners`; a partner is added in the configuration of the gateway.'),
  M4C_PARTNER_DOWN: entry(801, 'wait', 'remote-server-timeout', EXIT.unavailable, 'There is no link to the partner now.', '`mom4c federation status` names the reason; the gateway keeps trying by itself unless it was told to disconnect.'),
  M4C_PARTNER_LEVEL: entry(802, 'auth', 'not-authorized', EXIT.refused, 'The peer does not reach the federation level that is configured for this partner.', 'Agree on one level with the partner; a lower one must be written out in the configuration of both.'),
  M4C_PARTNER_CERTIFICATE: entry(803, 'auth', 'not-authorized', EXIT.identity, 'The certificate of the peer is not one of the partner.', 'Compare it with the metadata of the federation, or with the configured certificates.'),
  M4C_PARTNER_LOGIN: entry(804, 'auth', 'not-authorized', EXIT.refused, 'The partner refused the log-in of this domain.', 'The gateway of the partner logs the reason; compare the metadata and the clocks of both.'),
  M4C_PARTNER_STREAM: entry(805, 'wait', 'remote-server-timeout', EXIT.unavailable, 'The stream between the two servers cannot be used.', 'See the detail, and the log of both gateways; the gateway tries again by itself.'),
  M4C_PARTNER_ADDRESS: entry(806, 'auth', 'forbidden', EXIT.refused, 'The addresses of the stanza are not those that this stream may carry.', 'A partner speaks for its own hosts, to the hosts of this domain that are configured.'),
  M4C_GATEWAY_UNAVAILABLE: entry(807, 'wait', 'service-unavailable', EXIT.unavailable, 'The federation gateway of this domain does not answer.', 'Start it, and check that it reaches the NATS server of the domain.'),
  M4C_IDP_UNREACHABLE: entry(808, 'wait', 'remote-server-timeout', EXIT.unavailable, 'The identity provider cannot be reached.', 'Check its address and the network; links that are up go on, new ones wait for it.'),
  M4C_IDP_LOGIN: entry(809, 'auth', 'not-authorized', EXIT.identity, 'The identity provider refused the credentials of this domain.', 'Check user and password file, or the certificate, with whoever runs the identity provider.'),
  M4C_IDP_ANSWER: entry(810, 'cancel', 'not-acceptable', EXIT.refused, 'The answer of the identity provider, or of the agent of the partner, is not one that the log-in knows.', 'See the detail; compare the bindings that it offers with docs/federation.md.'),
  M4C_AGENT_ADDRESS: entry(811, 'auth', 'not-authorized', EXIT.refused, 'The log-in leads to another place than the authentication agent of this partner.', 'Compare it with the metadata; if those are right, somebody tries to relay the log-in.'),
  M4C_ASSERTION_MALFORMED: entry(812, 'modify', 'bad-request', EXIT.refused, 'The SAML response is not of the one form that is accepted.', 'See docs/federation.md for the form; document types, comments, processing instructions and further assertions are refused.'),
  M4C_ASSERTION_SIGNATURE: entry(813, 'auth', 'not-authorized', EXIT.refused, 'The assertion is not signed by the identity provider of the federation.', 'Compare the key of the identity provider with the metadata of the federation.'),
  M4C_ASSERTION_TIME: entry(814, 'auth', 'not-authorized', EXIT.refused, 'The assertion is not valid at this time.', 'Compare the clocks of gateway and identity provider.'),
  M4C_ASSERTION_AUDIENCE: entry(815, 'auth', 'not-authorized', EXIT.refused, 'The assertion is meant for somebody else.', 'Log in at the agent that is to get the assertion.'),
  M4C_ASSERTION_REQUEST: entry(816, 'auth', 'not-authorized', EXIT.refused, 'The assertion answers no request that waits for it.', 'Begin the log-in anew; a request lives for one stream and is answered once.'),
  M4C_ASSERTION_REPLAY: entry(817, 'auth', 'conflict', EXIT.refused, 'This assertion was used before.', 'Log in anew; an assertion is good once.'),
  M4C_ASSERTION_SUBJECT: entry(818, 'auth', 'not-authorized', EXIT.refused, 'The assertion names another domain than the one that logs in.', 'Check which name the identity provider gives for this account.'),
  M4C_ASSERTION_ATTRIBUTES: entry(819, 'auth', 'forbidden', EXIT.refused, 'The assertion lacks an attribute that the policy for this partner asks for.', 'Compare `attributes` of the partner in the configuration with what the identity provider releases.'),
  M4C_METADATA: entry(820, 'cancel', 'not-acceptable', EXIT.config, 'The metadata of the federation cannot be used.', 'Check source, signature, signer and validity; the last good ones stay in use until they expire.'),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code);
}

/** What of an error crosses the wire: never a stack, never a path. `detail` is at most 500 characters. */
export type ErrorBody = { code: ErrorCode; detail?: string | undefined; correlation?: string | undefined };

const MAX_DETAIL = 500;

/** The only error class that may reach a user or a peer. Everything else is a bug and becomes M4C_INTERNAL. */
export class Mom4cError extends Error {
  override readonly name = 'Mom4cError';
  readonly code: ErrorCode;
  /** What exactly was wrong, for a person. Must hold no secret. */
  readonly detail: string | undefined;
  /** Finds a bug in the log of the process where it happened. */
  readonly correlation: string | undefined;

  constructor(
    code: ErrorCode,
    detail?: string,
    options?: { cause?: unknown; correlation?: string | undefined },
  ) {
    super(
      detail === undefined ? `${code}: ${ERRORS[code].text}` : `${code}: ${ERRORS[code].text} ${detail}`,
      {
        cause: options?.cause,
      },
    );
    this.code = code;
    this.detail = detail?.slice(0, MAX_DETAIL);
    this.correlation = options?.correlation;
  }

  get entry(): ErrorEntry {
    return ERRORS[this.code];
  }

  /** May the same request be sent again, unchanged? */
  get retryable(): boolean {
    return this.entry.type === 'wait';
  }

  toBody(): ErrorBody {
    return { code: this.code, detail: this.detail, correlation: this.correlation };
  }
}

/** Turns whatever was thrown into an error of the catalogue; `onBug` gets what was not foreseen, whole, with its id. */
export function asMom4cError(
  thrown: unknown,
  newCorrelation: () => string,
  onBug?: (thrown: unknown, correlation: string) => void,
): Mom4cError {
  if (thrown instanceof Mom4cError) return thrown;
  const correlation = newCorrelation();
  onBug?.(thrown, correlation);
  return new Mom4cError('M4C_INTERNAL', undefined, { cause: thrown, correlation });
}
