/**
 * Records of the journal, as they stand in its stream: JSON octets, strict and bounded, in CMS SignedData of a manager.
 *
 * A record never is a payload, nor the other way round: every payload has the field `type` and no record may have one;
 * every record has `record` and no payload may have one. Both refuse unknown fields. So whatever a manager signed for
 * somebody's eyes is no record, and what it wrote into the journal commands nobody.
 */
import * as z from 'zod';
import { Mom4cError } from '@mom4c/core';
import type { JournalRecord, JournalRecords, Signer, Verifier } from '@mom4c/core';
import { epochSchema, idSchema, nodeNameSchema, parseJson } from './octets.ts';

/** Octets under the signature. With its signature a record stays under what CMS, and a message of NATS, may have. */
export const MAX_RECORD = 250 * 1024;
const MAX_TARGETS = 5000;
/** An address, a slash and a resource of at most 1023 octets (RFC 7622). */
const MAX_ADDRESS = 3071;

const base64 = z.codec(z.base64(), z.instanceof(Uint8Array), {
  decode: (text) => new Uint8Array(Buffer.from(text, 'base64')),
  encode: (octets) => Buffer.from(octets).toString('base64'),
});
const instant = z.int().nonnegative();
const common = { manager: nodeNameSchema, epoch: epochSchema };
const entry = z.strictObject({
  id: idSchema,
  command: z.string().regex(/^[a-z]{1,40}$/),
  requester: z.string().min(1).max(MAX_ADDRESS),
  acceptedAt: instant,
  deadline: instant,
  evidence: base64,
  targets: z.array(nodeNameSchema).max(MAX_TARGETS),
});
const schema = z.discriminatedUnion('record', [
  z.strictObject({ record: z.literal('lead'), ...common }),
  z.strictObject({ record: z.literal('accepted'), ...common, entry }),
  z.strictObject({ record: z.literal('finished'), ...common, id: idSchema, outcome: base64 }),
]);

export function journalRecords(signer: Signer, verifier: Verifier): JournalRecords {
  const manager = signer.certificate.name;
  return {
    manager,
    async sign(record) {
      if (record.manager !== manager)
        throw new TypeError(`a record of ${record.manager} is not ours to sign`);
      return await signer.signEnclosed(encode(record));
    },
    async open(octets) {
      const { content, signer: by } = await verifier.verify(octets);
      if (by.role !== 'cm')
        throw new Mom4cError('M4C_FORBIDDEN', `a record by ${by.name}, which is ${by.role}`);
      const record = decode(content);
      if (record.manager !== by.name)
        throw new Mom4cError('M4C_SENDER_MISMATCH', `signed by ${by.name}, in the name of ${record.manager}`);
      return record;
    },
  };
}

function encode({ kind, ...fields }: JournalRecord): Uint8Array {
  const encoded = schema.safeEncode({ record: kind, ...fields } as z.infer<typeof schema>);
  if (!encoded.success) throw malformed(encoded.error);
  const octets = Buffer.from(JSON.stringify(encoded.data));
  if (octets.length > MAX_RECORD) throw tooLarge(octets);
  return octets;
}

function decode(octets: Uint8Array): JournalRecord {
  if (octets.length > MAX_RECORD) throw tooLarge(octets);
  const decoded = schema.safeDecode(parseJson(octets, 'record') as z.input<typeof schema>);
  if (!decoded.success) throw malformed(decoded.error);
  const { record, ...fields } = decoded.data;
  return { kind: record, ...fields } as JournalRecord;
}

function tooLarge({ length }: Uint8Array): Mom4cError {
  return new Mom4cError('M4C_TOO_LARGE', `record of ${length} octets`);
}

function malformed({ issues }: z.ZodError): Mom4cError {
  return new Mom4cError(
    'M4C_MALFORMED',
    `record.${issues[0]?.path.join('.') ?? ''}: ${issues[0]?.message ?? ''}`,
  );
}
