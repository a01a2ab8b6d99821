/**
 * Ad-hoc commands (XEP-0050) and what service discovery (XEP-0030) says of them, for any XMPP client: a list of what
 * this requester may run, then a form (XEP-0004) where the command has fields, then its result.
 */
import { printable, type Clock, type Random } from '@mom4c/core';
import { Executions, type Execution } from './ad-hoc-sessions.ts';
import {
  formElement,
  NS_DATA,
  readSubmission,
  resultElement,
  type Form,
  type ResultTable,
} from './data-form.ts';
import { xml, type Attributes, type Child, type Element } from './element.ts';
import { NS_PING } from './namespaces.ts';
import type { IncomingRequest, RequestHandler, RequestKind } from './responder.ts';
import { plainErrorElement } from './stanza-error.ts';

export const NS_COMMANDS = 'http://jabber.org/protocol/commands';
const NS_DISCO_INFO = 'http://jabber.org/protocol/disco#info';
const NS_DISCO_ITEMS = 'http://jabber.org/protocol/disco#items';

export type AdHocCommand = { readonly node: string; readonly name: string };

/** May have several lines. */
export type Note = { readonly type: 'info' | 'warn' | 'error'; readonly text: string };
export type Completed = { readonly note: Note; readonly table?: ResultTable | undefined };

/** What stands behind the commands. Whatever it throws is the answer. `from` is the requester's full address. */
export type AdHocService = {
  /** Shown to people. */
  readonly name: string;
  /** All that this requester may run. */
  list(from: string): Promise<readonly AdHocCommand[]>;
  /** What to fill in; undefined where there is nothing. @throws Mom4cError M4C_UNKNOWN_COMMAND, M4C_FORBIDDEN */
  form(node: string, from: string): Promise<Form | undefined>;
  /** @throws Mom4cError M4C_BAD_ARGUMENTS, and what running it gives */
  run(node: string, from: string, values: ReadonlyMap<string, readonly string[]>): Promise<Completed>;
};

/** Where requests come from: a component. */
export type AdHocHost = {
  readonly domain: string;
  onRequest(kind: RequestKind, handler: RequestHandler): unknown;
};

export function serveAdHoc(
  host: AdHocHost,
  service: AdHocService,
  around: { readonly clock: Clock; readonly random: Random },
): void {
  const executions = new Executions(around);
  host.onRequest({ name: 'query', xmlns: NS_DISCO_INFO }, (request) => info(service, request));
  host.onRequest({ name: 'query', xmlns: NS_DISCO_ITEMS }, (request) => items(host.domain, service, request));
  host.onRequest({ name: 'command', xmlns: NS_COMMANDS }, (request) => command(service, executions, request));
}

/** XEP-0030 §3.1, XEP-0050 §2.1 and §2.2 */
async function info(service: AdHocService, { type, from, child }: IncomingRequest): Promise<Element> {
  if (type !== 'get') return plainErrorElement('modify', 'bad-request');
  const { node } = child.attrs;
  const answer = (identity: Attributes, ...features: string[]): Element =>
    xml(
      'query',
      { xmlns: NS_DISCO_INFO, node },
      xml('identity', identity),
      ...features.map((feature) => xml('feature', { var: feature })),
    );
  if (node === undefined) {
    const features = [NS_DISCO_INFO, NS_DISCO_ITEMS, NS_COMMANDS, NS_DATA, NS_PING];
    return answer({ category: 'component', type: 'generic', name: service.name }, ...features);
  }
  if (node === NS_COMMANDS)
    return answer({ category: 'automation', type: 'command-list', name: service.name }, NS_COMMANDS);
  const found = (await service.list(from)).find((one) => one.node === node);
  if (!found) return plainErrorElement('cancel', 'item-not-found');
  const identity = { category: 'automation', type: 'command-node', name: printable(found.name) };
  return answer(identity, NS_COMMANDS, NS_DATA);
}

/** XEP-0030 §4.1, XEP-0050 §2.1 */
async function items(
  jid: string,
  service: AdHocService,
  { type, from, child }: IncomingRequest,
): Promise<Element> {
  if (type !== 'get') return plainErrorElement('modify', 'bad-request');
  const { node } = child.attrs;
  const answer = (found: readonly AdHocCommand[]): Element =>
    xml(
      'query',
      { xmlns: NS_DISCO_ITEMS, node },
      ...found.map((one) => xml('item', { jid, node: one.node, name: printable(one.name) })),
    );
  if (node === undefined) return answer([{ node: NS_COMMANDS, name: service.name }]);
  if (node === NS_COMMANDS) return answer(await service.list(from));
  return plainErrorElement('cancel', 'item-not-found');
}

/** §3.4, table 6 */
type Fault = 'bad-action' | 'bad-payload' | 'bad-sessionid' | 'malformed-action';
const ACTIONS = ['execute', 'next', 'prev', 'complete', 'cancel'];
const MAX_NODE = 64;

async function command(
  service: AdHocService,
  executions: Executions,
  { type, from, child }: IncomingRequest,
): Promise<Element> {
  const { node = '', sessionid, action = 'execute' } = child.attrs;
  if (type !== 'set' || node === '' || node.length > MAX_NODE)
    return plainErrorElement('modify', 'bad-request');
  if (!ACTIONS.includes(action)) return refuse('malformed-action');
  const forms = child.getChildren('x', NS_DATA);
  if (forms.length > 1) return refuse('bad-payload');
  if (sessionid === undefined) {
    if (action !== 'execute') return refuse('bad-action');
    return forms.length > 0 ? refuse('bad-payload') : begin(service, executions, node, from);
  }
  const execution = executions.find(sessionid, from, node);
  if (!execution) return refuse('bad-sessionid');
  if (execution.running) return refuse('bad-action');
  if (action === 'cancel') return cancel(executions, execution);
  // There is one step: `complete` is all that was offered, and what `execute` stands for.
  if (action !== 'complete' && action !== 'execute') return refuse('bad-action');
  const [form] = forms;
  if (!form) return refuse('bad-payload');
  const submission = readSubmission(form);
  if (submission.type === 'cancel') return cancel(executions, execution);
  return complete(service, executions, execution, submission.values);
}

async function begin(
  service: AdHocService,
  executions: Executions,
  node: string,
  from: string,
): Promise<Element> {
  const form = await service.form(node, from);
  if (form) {
    const { id } = executions.begin(from, node);
    const actions = xml('actions', { execute: 'complete' }, xml('complete'));
    return state({ node, sessionid: id, status: 'executing' }, actions, formElement(form));
  }
  const execution = executions.begin(from, node);
  try {
    return await complete(service, executions, execution, new Map());
  } catch (error) {
    // There is nothing to put right in it.
    executions.end(execution);
    throw error;
  }
}

/** Until it has succeeded it may be tried again, with what was wrong put right. */
async function complete(
  service: AdHocService,
  executions: Executions,
  execution: Execution,
  values: ReadonlyMap<string, readonly string[]>,
): Promise<Element> {
  const { id, node, from } = execution;
  execution.running = true;
  try {
    const { note, table } = await service.run(node, from, values);
    executions.end(execution);
    return state(
      { node, sessionid: id, status: 'completed' },
      xml('note', { type: note.type }, note.text.split('\n').map(printable).join('\n')),
      table && resultElement(table),
    );
  } finally {
    execution.running = false;
  }
}

function cancel(executions: Executions, execution: Execution): Element {
  executions.end(execution);
  return state({ node: execution.node, sessionid: execution.id, status: 'canceled' });
}

function state(attributes: Attributes, ...children: readonly Child[]): Element {
  return xml('command', { xmlns: NS_COMMANDS, ...attributes }, ...children);
}

function refuse(fault: Fault): Element {
  const error = plainErrorElement('modify', 'bad-request');
  error.append(xml(fault, { xmlns: NS_COMMANDS }));
  return error;
}
