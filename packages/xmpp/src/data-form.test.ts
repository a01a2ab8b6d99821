// Mutations seen red, one each: values not made printable; a second field of a name taken; no bound of values; a form of
// another type read as submitted; text of a field without a name taken for a value.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formElement, NS_DATA, readSubmission, resultElement } from './data-form.ts';
import { serialise, xml, type Element } from './element.ts';
import { createStanzaParser } from './stanza-parser.ts';
import { isError } from './test-fakes.ts';

const field = (name: string | undefined, ...values: string[]): Element =>
  xml('field', { var: name }, ...values.map((value) => xml('value', {}, value)));
const submitted = (...fields: Element[]): Element => xml('x', { xmlns: NS_DATA, type: 'submit' }, ...fields);

test('what is filled in comes back by name; text that was only shown does not', () => {
  const read = readSubmission(
    submitted(field('a', '1'), field('b', 'x', 'y'), field('c'), field(undefined, 'fixed')),
  );
  assert.equal(read.type, 'submit');
  assert.deepEqual(read.type === 'submit' && [...read.values], [
    ['a', ['1']],
    ['b', ['x', 'y']],
    ['c', []],
  ]);
  assert.deepEqual(readSubmission(xml('x', { xmlns: NS_DATA, type: 'cancel' })), { type: 'cancel' });
});

test('refused: another type, a field twice, more than anybody fills in', () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => String(index));
  readSubmission(submitted(field('a', ...many(1_000))));
  readSubmission(submitted(...many(64).map((name) => field(name, '1'))));
  for (const type of ['form', 'result', undefined])
    assert.throws(() => readSubmission(xml('x', { xmlns: NS_DATA, type })), isError('M4C_MALFORMED'));
  for (const fields of [[field('a', '1'), field('a', '2')], [field('')], [field('n'.repeat(65))]])
    assert.throws(() => readSubmission(submitted(...fields)), isError('M4C_MALFORMED'));
  for (const fields of [
    [field('a', ...many(1_001))],
    [field('a', 'v'.repeat(4_097))],
    many(65).map((name) => field(name, '1')),
  ])
    assert.throws(() => readSubmission(submitted(...fields)), isError('M4C_TOO_LARGE'));
});

test('whatever a device says can be sent, and holds nothing that steers', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { minLength: 1, maxLength: 5 }),
      (texts) => {
        const column = { name: 'a', label: texts[0]! };
        const table = resultElement({
          title: texts[0]!,
          columns: [column],
          rows: texts.map((text) => [text]),
        });
        const base = {
          label: texts[0]!,
          description: texts[0]!,
          required: true,
          values: texts,
          options: texts,
        };
        const form = formElement({
          title: texts[0]!,
          instructions: texts[0]!,
          fields: [{ ...base, name: 'a', type: 'list-multi' }],
        });
        for (const element of [table, form]) {
          const text = serialise(element);
          assert.doesNotMatch(text, /[\p{Cc}\p{Cf}]/u);
          assert.equal(parsed(text).toString(), text);
        }
      },
    ),
  );
});

function parsed(text: string): Element {
  const elements: Element[] = [];
  const parser = createStanzaParser({
    header() {},
    element: (element) => void elements.push(element),
    dropped: (reason) => assert.fail(reason),
    end() {},
    fault: (reason) => assert.fail(reason),
  });
  parser.write(Buffer.from(`<stream>${text}`));
  return elements[0]!;
}
