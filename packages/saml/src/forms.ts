/** Forms of an HTML page as a browser would send them: the log-in of an identity provider, and its answer. */
import { parse, type DefaultTreeAdapterTypes as Tree } from 'parse5';
import { Mom4cError, type ErrorCode } from '@mom4c/core';

export type Form = {
  /** As it stands there: relative to the page, '' for the page itself. */
  readonly action: string;
  /** `get` or `post`. */
  readonly method: string;
  /** What would be sent with no field touched; the last of a name counts. */
  readonly fields: Readonly<Record<string, string>>;
  /** Where user and password are typed, if it asks for one password. */
  readonly logIn: LogInFields | undefined;
};

export type LogInFields = {
  /** Name of the last field for text before that of the password. */
  readonly user: string;
  readonly password: string;
  /** What the first button to send it adds, which is as good as clicked when a person presses Enter. */
  readonly button: Readonly<Record<string, string>>;
};

type Collected = {
  readonly form: Tree.Element;
  readonly fields: Map<string, string>;
  readonly texts: string[];
  readonly passwords: { readonly name: string; readonly user: string | undefined }[];
  button: Tree.Element | undefined;
};

const MAX_CHARACTERS = 128 * 1024;
/** Of elements and end tags together: the parser looks through all open elements at each. */
const MAX_TAGS = 4_000;
const MAX_FORMS = 16;
const MAX_FIELDS = 64;
const CODE: ErrorCode = 'M4C_IDP_ANSWER';

/** Types of input that a browser sends only when they are clicked or chosen. */
const NOT_SENT = ['submit', 'button', 'image', 'reset', 'file', 'checkbox', 'radio'];

/** @throws Mom4cError M4C_IDP_ANSWER */
export function readForms(html: string): readonly Form[] {
  if (html.length > MAX_CHARACTERS)
    throw new Mom4cError(CODE, `a page of more than ${MAX_CHARACTERS} characters`);
  checkTags(html);
  const forms: Collected[] = [];
  const pending: { node: Tree.ChildNode; inside: Collected | undefined }[] = [];
  const visit = (parent: Tree.ParentNode, inside: Collected | undefined): void => {
    for (const node of parent.childNodes.toReversed()) pending.push({ node, inside });
  };
  visit(parse(html), undefined);
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { node, inside } = next;
    if (!('tagName' in node)) continue;
    if (inside && (node.tagName === 'input' || node.tagName === 'button')) add(node, inside);
    if (node.tagName !== 'form') {
      visit(node, inside);
      continue;
    }
    if (forms.length === MAX_FORMS) throw new Mom4cError(CODE, `a page of more than ${MAX_FORMS} forms`);
    const own: Collected = { form: node, fields: new Map(), texts: [], passwords: [], button: undefined };
    forms.push(own);
    visit(node, own);
  }
  return forms.map((collected) => ({
    action: attribute(collected.form, 'action') ?? '',
    method: (attribute(collected.form, 'method') ?? 'get').toLowerCase() === 'post' ? 'post' : 'get',
    fields: Object.fromEntries(collected.fields),
    logIn: logInOf(collected),
  }));
}

function checkTags(html: string): void {
  let at = -1;
  for (let tags = 0; tags < MAX_TAGS; tags++) {
    at = html.indexOf('<', at + 1);
    if (at < 0) return;
  }
  throw new Mom4cError(CODE, `a page of ${MAX_TAGS} tags or more`);
}

function add(control: Tree.Element, form: Collected): void {
  const { fields, texts, passwords } = form;
  if (attribute(control, 'disabled') !== undefined) return;
  const isButton = control.tagName === 'button';
  const type = (attribute(control, 'type') ?? (isButton ? 'submit' : 'text')).toLowerCase();
  if (type === 'submit') form.button ??= control;
  const name = attribute(control, 'name');
  if (name === undefined || name === '' || isButton || NOT_SENT.includes(type)) return;
  if (type === 'password') passwords.push({ name, user: texts.at(-1) });
  if (type === 'text' || type === 'email') texts.push(name);
  fields.set(name, attribute(control, 'value') ?? '');
  if (fields.size > MAX_FIELDS) throw new Mom4cError(CODE, `a form with more than ${MAX_FIELDS} fields`);
}

function logInOf({ passwords, button }: Collected): LogInFields | undefined {
  const [only, ...others] = passwords;
  if (only?.user === undefined || others.length > 0) return undefined;
  const name = button && attribute(button, 'name');
  const value = (button && attribute(button, 'value')) ?? '';
  return {
    user: only.user,
    password: only.name,
    button: name === undefined || name === '' ? {} : { [name]: value },
  };
}

function attribute(element: Tree.Element, name: string): string | undefined {
  return element.attrs.find((each) => each.name === name)?.value;
}
