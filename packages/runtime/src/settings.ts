/** What a configuration schema says of itself: where its settings lie, and the names they have in the environment. */
import * as z from 'zod';

/** What a path leads to; see config-files. */
export const PATH_KINDS = [
  'file',
  'secret',
  'secret, made by the program',
  'secret, used once',
  'folder',
  'folder, made by the program',
] as const;
export type PathKind = (typeof PATH_KINDS)[number];

/** Metadata that a setting may carry, by `.meta({…})`. */
export type SettingMeta = { env?: string; description?: string; format?: 'path'; leadsTo?: PathKind };

export type Setting = {
  /** `['health', 'port']`; of what is in the entries of a list `['partners[]', 'domain']` */
  readonly path: readonly string[];
  /** `string`, `number`, `boolean`, `array`, … */
  readonly type: string;
  readonly env: string | undefined;
  readonly description: string | undefined;
  /** Of a path, or a list of paths: what it leads to. */
  readonly leadsTo: PathKind | undefined;
  /** May it be left out? */
  readonly optional: boolean;
  readonly default: unknown;
};

/** All settings that have a fixed path, in the order of the schema; docs/config.md is made from this list. */
export function listSettings(schema: z.ZodType, path: readonly string[] = []): Setting[] {
  const { inner, ...facts } = unwrap(schema);
  if (inner instanceof z.ZodObject && path.length < 16)
    return Object.entries(inner.shape).flatMap(([key, value]) =>
      listSettings(value as z.ZodType, [...path, key]),
    );
  const item = inner instanceof z.ZodArray ? unwrap(inner.element as z.ZodType) : undefined;
  if (item?.inner instanceof z.ZodObject)
    return listSettings(item.inner, [...path.slice(0, -1), `${path.at(-1) ?? ''}[]`]);
  const { format, leadsTo = 'file' } = item?.meta ?? facts.meta;
  return [
    {
      path,
      type: inner.def.type,
      env: facts.meta.env,
      description: facts.meta.description,
      leadsTo: format === 'path' ? leadsTo : undefined,
      optional: facts.optional,
      default: facts.default,
    },
  ];
}

/** Peels default, optional and the like off a schema, and gathers what they say. */
function unwrap(schema: z.ZodType): {
  inner: z.ZodType;
  meta: SettingMeta;
  optional: boolean;
  default: unknown;
} {
  let inner = schema;
  let meta: SettingMeta = {};
  let optional = false;
  let byDefault: unknown;
  for (;;) {
    meta = { ...(inner.meta() as SettingMeta | undefined), ...meta };
    if (inner instanceof z.ZodPipe) {
      inner = inner.def.in as z.ZodType;
      continue;
    }
    if (inner instanceof z.ZodOptional) optional = true;
    else if (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
      optional = true;
      byDefault = inner.def.defaultValue;
    } else if (!(inner instanceof z.ZodNullable || inner instanceof z.ZodReadonly))
      return { inner, meta, optional, default: byDefault };
    inner = inner.def.innerType as z.ZodType;
  }
}
