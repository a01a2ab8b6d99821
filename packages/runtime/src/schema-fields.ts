/** The fields of a schema in the words of its JSON Schema, flat: `sensors[].n`. */
import * as z from 'zod';

export type Field = {
  /** As `sensors[].n`; `''` for the value itself. */
  readonly path: string;
  /** `string, 1 to 200 characters` */
  readonly type: string;
  readonly optional: boolean;
  readonly description: string;
};

type Node = z.core.JSONSchema.BaseSchema;

/** Of what is written, before defaults and transformations: what an author of a file or request needs to know. */
export function fieldsOf(schema: z.ZodType): Field[] {
  return walk(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }), '', false);
}

function walk(node: Node, path: string, optional: boolean): Field[] {
  if (node.type === 'object' && node.properties) {
    const required = node.required ?? [];
    const prefix = path === '' ? '' : `${path}.`;
    return Object.entries(node.properties).flatMap(([name, child]) =>
      walk(child as Node, `${prefix}${name}`, optional || !required.includes(name)),
    );
  }
  const items = node.type === 'array' ? (node.items as Node | undefined) : undefined;
  if (items?.type === 'object') return walk(items, `${path}[]`, optional);
  return [{ path, type: typeOf(node), optional, description: node.description ?? '' }];
}

function typeOf(node: Node): string {
  if (node.anyOf) return node.anyOf.map((choice) => typeOf(choice as Node)).join(' or ');
  if (node.const !== undefined) return `\`${String(node.const)}\``;
  if (node.enum) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.format === 'path') return 'path';
  const { type } = node;
  if (type === 'string') return withRange(type, node.minLength, node.maxLength, 'characters');
  if (type === 'integer' || type === 'number') return withRange(type, node.minimum, node.maximum, '');
  if (type !== 'array') return typeof type === 'string' ? type : 'text';
  return withRange(`list of ${typeOf((node.items ?? {}) as Node)}`, node.minItems, node.maxItems, 'items');
}

/** Bounds that only say what a number can hold are left out. */
function withRange(type: string, least: number | undefined, most: number | undefined, of: string): string {
  const known = (bound: number | undefined): bound is number =>
    bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
  const words = known(least) && known(most) ? `${least} to ${most}` : known(most) ? `at most ${most}` : '';
  return words === '' ? type : `${type}, ${words}${of === '' ? '' : ` ${of}`}`;
}
