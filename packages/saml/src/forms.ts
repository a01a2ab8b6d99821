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
  if (html.split('<').length > MAX_TAGS) throw new Mom4cError(CODE, `a page of more than ${MAX_TAGS} tags`);
  const forms: { form: Tree.Element; fields: Map<string, string> }[] = [];
  const pending: { node: Tree.ChildNode; fields: Map<string, string> | undefined }[] = [];
  const visit = (parent: Tree.ParentNode, fields: Map<string, string> | undefined): void => {
    for (const node of parent.childNodes.toReversed()) pending.push({ node, fields });
  };
  visit(parse(html), undefined);
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { node, fields } = next;
    if (!('tagName' in node)) continue;
    if (node.tagName === 'input' && fields) add(node, fields);
    if (node.tagName !== 'form') {
      visit(node, fields);
      continue;
    }
    if (forms.length === MAX_FORMS) throw new Mom4cError(CODE, `a page of more than ${MAX_FORMS} forms`);
    const own = new Map<string, string>();
    forms.push({ form: node, fields: own });
    visit(node, own);
  }
  return forms.map(({ form, fields }) => ({
    action: attribute(form, 'action') ?? '',
    method: (attribute(form, 'method') ?? 'get').toLowerCase() === 'post' ? 'post' : 'get',
    fields: Object.fromEntries(fields),
  }));
}

function add(input: Tree.Element, fields: Map<string, string>): void {
  const name = attribute(input, 'name');
  if (name === undefined || name === '' || attribute(input, 'disabled') !== undefined) return;
  if (NOT_SENT.includes((attribute(input, 'type') ?? 'text').toLowerCase())) return;
  fields.set(name, attribute(input, 'value') ?? '');
  if (fields.size > MAX_FIELDS) throw new Mom4cError(CODE, `a form with more than ${MAX_FIELDS} fields`);
}

function attribute(element: Tree.Element, name: string): string | undefined {
  return element.attrs.find((each) => each.name === name)?.value;
}
