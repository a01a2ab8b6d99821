/** docs/config.md: every setting of every program, from the schemas that check them. */
import { certificateAuthorityConfig } from '@mom4c/certificate-authority';
import { clusterManagerSettings } from '@mom4c/cluster-manager';
import { commandAdapterSettings } from '@mom4c/command-adapter';
import { federationGatewaySettings } from '@mom4c/federation-gateway';
import { adminSettings } from '@mom4c/member';
import { fieldsOf, listSettings } from '@mom4c/runtime';
import type { Setting } from '@mom4c/runtime';
import { taskExecutorSettings } from '@mom4c/task-executor';
import * as z from 'zod';
import { GENERATED, code, page, table } from './markdown.ts';

type Program = { title: string; about: string; schema: z.ZodObject };

/** Members of a domain: most of their settings are the same. */
const MEMBERS: readonly Program[] = [
  {
    title: 'Cluster manager',
    about: 'Started as `node apps/cluster-manager/src/main.ts --config FILE`.',
    schema: clusterManagerSettings,
  },
  {
    title: 'Task executor',
    about: 'Started as `node apps/task-executor/src/main.ts --config FILE`.',
    schema: taskExecutorSettings,
  },
  {
    title: 'Command adapter',
    about: 'Started as `node apps/command-adapter/src/main.ts --config FILE`.',
    schema: commandAdapterSettings,
  },
  {
    title: 'Federation gateway',
    about:
      'Started as `node apps/federation-gateway/src/main.ts --config FILE`; what it is: [federation.md](federation.md).',
    schema: federationGatewaySettings,
  },
  {
    title: "Administrator's profile",
    about: 'Read by `mom4c` from `$MOM4C_PROFILE`, else from `~/.config/mom4c/profile.yaml`.',
    schema: adminSettings,
  },
];

const AUTHORITY: Program = {
  title: 'Certificate authority',
  about:
    'Started as `node apps/certificate-authority/src/main.ts serve --config FILE`. Its other verbs (`init`, `token`, ' +
    '`server-certificate`, and `batch` for many of them in one process) read the same file.',
  schema: certificateAuthorityConfig,
};

const COLUMNS = ['Setting', 'Type', 'Default', 'Environment', 'Meaning'];

export function configPage(): string {
  const [first = [], ...others] = MEMBERS.map(({ schema }) => rowsOf(schema));
  const common = first.filter((row) => others.every((rows) => rows.some((other) => isEqual(row, other))));
  return page(
    GENERATED,
    '# Configuration',
    'Every program reads one YAML file. An environment variable, where one is named, is stronger than the file. ' +
      'Relative paths start from the folder of the file. A setting that is not listed is an error, and all faults of ' +
      'a file are reported together. Secrets are never in the file: it names the files that hold them, which must ' +
      'have mode 0600. A setting `a.b` is `b` inside of `a`.',
    '## Every member of a domain',
    'Cluster manager, task executor, command adapter, federation gateway and administrator all have these; their own follow below.',
    table(COLUMNS, common),
    ...MEMBERS.flatMap(({ title, about, schema }) => {
      const own = rowsOf(schema).filter((row) => !common.some((other) => isEqual(row, other)));
      return [`## ${title}`, about, table(COLUMNS, own)];
    }),
    `## ${AUTHORITY.title}`,
    AUTHORITY.about,
    table(COLUMNS, rowsOf(AUTHORITY.schema)),
  );
}

function rowsOf(schema: z.ZodObject): string[][] {
  const types = new Map(fieldsOf(schema).map(({ path, type }) => [path, type]));
  return listSettings(schema).map((setting) => {
    const path = setting.path.join('.');
    const { env = '', description = '' } = setting;
    return [code(path), types.get(path) ?? setting.type, byDefault(setting, schema), code(env), description];
  });
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.join('\n') === b.join('\n');
}

function byDefault({ path, optional, default: value }: Setting, schema: z.ZodObject): string {
  if (value !== undefined) return code(typeof value === 'string' ? value : JSON.stringify(value));
  if (optional) return 'none';
  // A section that may be left out as a whole, but not without this setting; the innermost counts.
  for (let length = path.length - 1; length > 0; length -= 1) {
    const section = path.slice(0, length);
    if (partOf(schema, section).safeParse(undefined).success)
      return section.at(-1)!.endsWith('[]')
        ? `needed in each of ${code(section.join('.').slice(0, -2))}`
        : `needed if there is ${code(section.join('.'))}`;
  }
  return '**needed**';
}

function partOf(schema: z.ZodObject, path: readonly string[]): z.ZodType {
  let part: z.ZodType = schema;
  for (const key of path) {
    for (;;) {
      if (part instanceof z.ZodArray) part = part.element as z.ZodType;
      else if (part instanceof z.ZodOptional || part instanceof z.ZodDefault || part instanceof z.ZodPrefault)
        part = part.def.innerType as z.ZodType;
      else break;
    }
    part = (part as z.ZodObject).shape[key.replace(/\[\]$/, '')] as z.ZodType;
  }
  return part;
}
