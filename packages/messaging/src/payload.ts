/**
 * What is signed: JSON octets of one of the types below. Every field is bounded; unknown fields are refused, so that
 * nothing travels under a signature that the receiver did not understand.
 */
import * as z from 'zod';
import {
  MAX_LABEL_TERMS,
  Mom4cError,
  NODE_MANAGER_STATES,
  NODE_ROLES,
  eventSchema,
  EVENT_SEVERITIES,
  isBareJid,
  isErrorCode,
  labelTermSchema,
  labelsSchema,
} from '@mom4c/core';
import type { ErrorCode } from '@mom4c/core';
import { epochSchema, idSchema as id, nodeNameSchema as nodeName, parseJson } from './octets.ts';

/** Octets of one payload; base64 of its sealed form stays under the 256 kB that an XMPP stanza may have. */
export const MAX_PAYLOAD = 128 * 1024;
const MAX_DEPTH = 24;
const MAX_TARGETS = 5000;
/** In one inquiry. */
export const MAX_IDS = 100;
/** Of one domain. */
export const MAX_MANAGERS = 16;
/** Base64 of a statement of the authority about the generation of epochs. */
const MAX_STATED = 2732;
/** In one message. */
export const MAX_EVENTS = 500;
/** Of one core. */
export const MAX_LOAD = 1000;

const address = z.string().max(320).refine(isBareJid, 'not a bare XMPP address');
const instant = z.int().nonnegative();
const hex = (octets: number) => z.string().regex(new RegExp(`^[0-9a-f]{${octets * 2}}$`));
const commandName = z.string().regex(/^[a-z]{1,40}$/);
const targets = z.array(nodeName).min(1).max(MAX_TARGETS);
const version = z.string().max(64);
/** That the authority has stated the generation of `epoch`, in base64; absent under the first one. */
const stated = z.base64().min(4).max(MAX_STATED).optional();

/** A code that a newer peer knows and we do not is kept readable instead of failing the whole message. */
const errorBody = z
  .strictObject({
    code: z.string().regex(/^M4C_[A-Z_]{1,40}$/),
    detail: z.string().max(500).optional(),
    correlation: z.string().max(64).optional(),
  })
  .transform((body): { code: ErrorCode; detail?: string | undefined; correlation?: string | undefined } =>
    isErrorCode(body.code)
      ? { ...body, code: body.code }
      : { ...body, code: 'M4C_PEER', detail: `${body.code} ${body.detail ?? ''}`.slice(0, 500) },
  );

const common = { id, from: address, time: instant, expires: instant };
const direct = { ...common, to: address };

/** A receiver acts only if it is this address, or has joined this room and is among the targets. */
const audience = z.union([
  address,
  z.strictObject({ room: address, targets: z.union([z.literal('*'), targets]) }),
]);

const outcomeSchema = z.strictObject({
  target: nodeName,
  state: z.enum(['ok', 'refused', 'failed', 'unknown', 'no-answer']),
  result: z.unknown().optional(),
  error: errorBody.optional(),
});
/** What became of a command at one target: never missing. */
export type Outcome = z.infer<typeof outcomeSchema>;

const schemas = {
  /** Administrator → `cm@D`: do this. Without `targets`: every task executor; `labels`: of these, whoever has them.
   *  `timeout` in milliseconds. From an adapter, and from nobody else: `onBehalfOf`, the person who asked it. */
  request: z.strictObject({
    ...direct,
    type: z.literal('request'),
    name: commandName,
    args: z.unknown(),
    targets: targets.optional(),
    labels: z.array(labelTermSchema).min(1).max(MAX_LABEL_TERMS).optional(),
    timeout: z.int().min(100).max(600_000),
    onBehalfOf: address.optional(),
  }),
  /** The answer once the request is in the journal. `deadline` is the manager's clock. */
  accepted: z.strictObject({
    ...direct,
    type: z.literal('accepted'),
    epoch: epochSchema,
    targets,
    deadline: instant,
  }),
  /** The answer to a request that was understood and will not be served. */
  rejected: z.strictObject({ ...direct, type: z.literal('rejected'), error: errorBody }),
  /** Adapter → `cm@D`: what may this person do? */
  permissions: z.strictObject({ ...direct, type: z.literal('permissions'), onBehalfOf: address }),
  /** The answer: names of commands. */
  permitted: z.strictObject({
    ...direct,
    type: z.literal('permitted'),
    commands: z.array(commandName).max(1000),
  }),
  /** Every target's outcome, once. */
  outcome: z.strictObject({
    ...direct,
    type: z.literal('outcome'),
    epoch: epochSchema,
    name: commandName,
    outcomes: z.array(outcomeSchema).max(MAX_TARGETS),
  }),
  /** `cm@D` → one task executor or a room of them. May be sent again under its id, signed anew. */
  command: z.strictObject({
    ...common,
    to: audience,
    type: z.literal('command'),
    epoch: epochSchema,
    name: commandName,
    args: z.unknown(),
  }),
  /** `cm@D` → one task executor or a room of them: what became of the commands with these ids? For after their deadline:
   *  what has not begun by now never does. Each is answered by a `result` under its id, once there is one. */
  inquiry: z.strictObject({
    ...common,
    to: audience,
    type: z.literal('inquiry'),
    epoch: epochSchema,
    ids: z.array(id).min(1).max(MAX_IDS),
  }),
  /** Task executor → `cm@D`, under the id of the command; again whenever that is sent again, or asked for. `unknown`: the
   *  node was stopped while it acted. */
  result: z.strictObject({
    ...direct,
    type: z.literal('result'),
    state: z.enum(['ok', 'refused', 'failed', 'unknown']),
    result: z.unknown().optional(),
    error: errorBody.optional(),
  }),
  /** Task executor, or manager that stands by → `cm@D`: let me in. */
  join: z.strictObject({ ...direct, type: z.literal('join'), version }),
  /** The way in: the room, and its session key (base64 of 32 octets), sealed to the one who asked. */
  joined: z.strictObject({
    ...direct,
    type: z.literal('joined'),
    epoch: epochSchema,
    stated,
    room: address,
    key: z.strictObject({ id: hex(16), secret: z.string().regex(/^[A-Za-z0-9+/]{43}=$/) }),
  }),
  /** Administrator → `cm@D`: tell me what happens from now on, or what has happened after the event with the id `after`, or
   *  since that time (Unix milliseconds). Holds for as long as the answer says. `onBehalfOf`: as in a request. */
  subscribe: z.strictObject({
    ...direct,
    type: z.literal('subscribe'),
    severity: z.enum(EVENT_SEVERITIES).optional(),
    after: id.optional(),
    since: instant.optional(),
    onBehalfOf: address.optional(),
  }),
  /** The answer: what was asked for, as far as it fits (`more`: the rest comes at once); `gap`: there may have been others that
   *  are not known any more. `last`: the id after which the next message goes on. `lifetime` in milliseconds. */
  subscribed: z.strictObject({
    ...direct,
    type: z.literal('subscribed'),
    epoch: epochSchema,
    lifetime: z.int().positive(),
    events: z.array(eventSchema).max(MAX_EVENTS),
    gap: z.boolean(),
    more: z.boolean(),
    last: id.optional(),
  }),
  /** `cm@D` → whoever has subscribed, and each manager that stands by: what has happened after the event `after`, which was the
   *  last that it was told. */
  events: z.strictObject({
    ...direct,
    type: z.literal('events'),
    epoch: epochSchema,
    after: id.optional(),
    events: z.array(eventSchema).min(1).max(MAX_EVENTS),
    gap: z.boolean(),
  }),
  /** Task executor's presence at `cm@D`. `started`: Unix milliseconds. `manager`: of a node that may become one, its name as
   *  such, and the load of the last minute for each core. `leaving`: its program is being stopped. */
  presence: z.strictObject({
    ...direct,
    type: z.literal('presence'),
    version,
    started: instant,
    leaving: z.literal(true).optional(),
    labels: labelsSchema.optional(),
    manager: z
      .strictObject({
        name: nodeName,
        role: z.enum(NODE_ROLES),
        state: z.enum(NODE_MANAGER_STATES),
        load: z.number().min(0).max(MAX_LOAD),
      })
      .optional(),
  }),
  /** Presence of a manager at `cm@D`, whether it leads or stands by. `started`: Unix milliseconds; `lag`: records of the
   *  journal that it lacks, absent while it does not know; `ready`: it could take over now; `node`: the task executor beside
   *  which it runs, where it is one that a node became; `leaving`: its program is being stopped. */
  standing: z.strictObject({
    ...direct,
    type: z.literal('standing'),
    version,
    started: instant,
    leaving: z.literal(true).optional(),
    lag: z.int().nonnegative().optional(),
    ready: z.boolean(),
    node: nodeName.optional(),
  }),
  /** The active manager's presence in the room: its name and epoch, the key in use, fingerprints of all current managers,
   *  and the names of those that stand by, in the order in which they shall take over. */
  leadership: z.strictObject({
    ...common,
    to: z.strictObject({ room: address, targets: z.literal('*') }),
    type: z.literal('leadership'),
    manager: nodeName,
    epoch: epochSchema,
    stated,
    key: hex(16),
    managers: z.array(hex(32)).min(1).max(MAX_MANAGERS),
    standbys: z.array(nodeName).max(MAX_MANAGERS),
  }),
};

export type PayloadType = keyof typeof schemas;
export type PayloadOf<T extends PayloadType> = z.infer<(typeof schemas)[T]>;
export type Payload = { [T in PayloadType]: PayloadOf<T> }[PayloadType];

/** @throws Mom4cError M4C_TOO_LARGE */
export function encodePayload(payload: Payload): Uint8Array {
  const octets = Buffer.from(JSON.stringify(payload));
  if (octets.length > MAX_PAYLOAD)
    throw new Mom4cError('M4C_TOO_LARGE', `${payload.type} of ${octets.length} octets`);
  return octets;
}

/** @throws Mom4cError M4C_TOO_LARGE, M4C_MALFORMED */
export function decodePayload(octets: Uint8Array): Payload {
  if (octets.length > MAX_PAYLOAD)
    throw new Mom4cError('M4C_TOO_LARGE', `payload of ${octets.length} octets`);
  const json = parseJson(octets, 'payload');
  if (deeperThan(json, MAX_DEPTH))
    throw new Mom4cError('M4C_MALFORMED', `payload nested deeper than ${MAX_DEPTH}`);
  const type = (json as { type?: unknown } | null)?.type;
  if (typeof type !== 'string' || !Object.hasOwn(schemas, type))
    throw new Mom4cError('M4C_MALFORMED', 'payload of an unknown type');
  const parsed = schemas[type as PayloadType].safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Mom4cError('M4C_MALFORMED', `${type}.${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  return parsed.data;
}

/** Iterative, level by level: the depth of hostile input must not become the depth of our stack. */
function deeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
}
