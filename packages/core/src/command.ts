import * as z from 'zod';
import type { ErrorCode } from './errors.ts';
import type { LabelTerm } from './labels.ts';
import type {
  ActuatorPort,
  EventsPort,
  FederationPort,
  ManagersPort,
  NodeManagerPort,
  NodeRegistry,
  SensorPort,
} from './ports.ts';
import type { Clock } from './clock.ts';

/** A right, `area:verb`. Which roles hold it is decided by policy: packages/access. */
export type Access =
  | 'actuators:read'
  | 'actuators:write'
  | 'cluster:manage'
  | 'cluster:read'
  | 'events:read'
  | 'federation:manage'
  | 'federation:read'
  | 'sensors:read';

/** What a running command may use. `task executor` and `cluster manager` provide what fits `runsOn`. */
export type TaskExecutorContext = {
  readonly node: { readonly name: string; readonly version: string; readonly startedAt: number };
  readonly sensors: SensorPort;
  readonly actuators: ActuatorPort;
  readonly manager: NodeManagerPort;
  readonly clock: Clock;
  /** Fires at the deadline of the command. */
  readonly signal: AbortSignal;
};
export type ClusterManagerContext = {
  readonly nodes: NodeRegistry;
  readonly managers: ManagersPort;
  readonly federation: FederationPort;
  readonly events: EventsPort;
  /** What the requester narrowed it to (`--label`). */
  readonly having: readonly LabelTerm[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/** How the CLI shows a result as a table; the JSON and YAML forms need none. */
export type TableView<Result> = {
  readonly columns: readonly string[];
  readonly rows: (result: Result) => readonly (readonly string[])[];
  /** Sentences below it: what concerns all rows. */
  readonly notes?: (result: Result) => readonly string[];
};

type CommandBase<Args extends z.ZodType, Result extends z.ZodType> = {
  /** The wire name: lower-case letters. */
  readonly name: string;
  /** Words of the command line where it is one of a group, as `federation status`; else the name. */
  readonly verb?: `${string} ${string}`;
  readonly summary: string;
  /** Longer help, a paragraph or two. */
  readonly description?: string;
  readonly access: Access;
  /** May it be acted on twice? If not, task executors write its id before they act, and never act on that id again. */
  readonly idempotent: boolean;
  /** Seconds that the targets have where whoever asks says nothing; 10 by default. */
  readonly patience?: number;
  /** A strict object. */
  readonly args: Args;
  readonly result: Result;
  readonly errors: readonly ErrorCode[];
  readonly examples: readonly { readonly line: string; readonly does: string }[];
  readonly table: TableView<z.output<Result>>;
  /** Where a result is a text of its own, such as a file to keep: printed as it is in place of a table. */
  readonly text?: (result: z.output<Result>) => string;
};

export type TaskExecutorCommand<
  Args extends z.ZodType = z.ZodType,
  Result extends z.ZodType = z.ZodType,
> = CommandBase<Args, Result> & {
  readonly runsOn: 'te';
  /** Of exactly one node, which the command line takes as its first word in place of `--target`. */
  readonly oneTarget?: true;
  run(args: z.output<Args>, context: TaskExecutorContext): Promise<z.input<Result>>;
};

export type ClusterManagerCommand<
  Args extends z.ZodType = z.ZodType,
  Result extends z.ZodType = z.ZodType,
> = CommandBase<Args, Result> & {
  readonly runsOn: 'cm';
  /** May `--label` narrow what it tells? */
  readonly byLabels?: true;
  /** `--watch` is told what is new as it happens, instead of asking again and again. */
  readonly pushed?: true;
  run(args: z.output<Args>, context: ClusterManagerContext): Promise<z.input<Result>>;
};

// The list holds commands of all shapes; `any` is confined to this line, the dispatcher parses before it runs.
// oxlint-disable-next-line no-explicit-any
export type Command = TaskExecutorCommand<any, any> | ClusterManagerCommand<any, any>;

/** Fixes the types of a command record; see CONTRIBUTING, "Add a command". */
export function defineCommand<Args extends z.ZodType, Result extends z.ZodType>(
  command: TaskExecutorCommand<Args, Result>,
): TaskExecutorCommand<Args, Result>;
export function defineCommand<Args extends z.ZodType, Result extends z.ZodType>(
  command: ClusterManagerCommand<Args, Result>,
): ClusterManagerCommand<Args, Result>;
export function defineCommand(command: Command): Command {
  return Object.freeze(command);
}

/** Paths of the fields that a command marks with `.meta({ secret: true })`, of arguments and result: they go to
 *  nobody who passes them on in the clear, so not through an adapter. */
export function secretFields(command: Command): readonly string[] {
  return [command.args, command.result].flatMap((schema: z.ZodType) =>
    secretsIn(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }), ''),
  );
}

function secretsIn(node: unknown, path: string): string[] {
  if (typeof node !== 'object' || node === null) return [];
  if ('secret' in node && node.secret === true) return [path];
  return Object.entries(node).flatMap(([key, child]) =>
    secretsIn(child, path === '' ? key : `${path}.${key}`),
  );
}
