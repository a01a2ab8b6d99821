// Mutation seen red: buttons and boxes sent along; no limit of fields, of forms; children visited from the last one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { readForms } from './forms.ts';

const refuses = (html: string): void =>
  assert.throws(
    () => readForms(html),
    (thrown) => thrown instanceof Mom4cError && thrown.code === 'M4C_IDP_ANSWER',
  );

test('a page as browsers read it, with what they would send', () => {
  const html = `<!DOCTYPE html><html><body onload="document.forms[0].submit()"><!-- <form action="/no"> -->
    <FORM METHOD=Post ACTION='https://b.test/acs?a=1&amp;b=2'>
      <input type="hidden" name="SAMLResponse" value="PD94&#x2b;&quot;"><input name=RelayState value=r>
      <input name="text"><div><input type="password" name="password" value=""></div>
      <input type="submit" name="go" value="go"><button name="b" value="b">b</button><input type="checkbox" name="c" value="c">
      <input name="off" value="off" disabled><input value="nameless"><input name="" value="x">
    </form>
    <form><input name="q" value="1"><input name="q" value="2"></form></body>`;
  assert.deepEqual(readForms(html), [
    {
      action: 'https://b.test/acs?a=1&b=2',
      method: 'post',
      fields: { SAMLResponse: 'PD94+"', RelayState: 'r', text: '', password: '' },
      logIn: { user: 'text', password: 'password', button: { go: 'go' } },
    },
    { action: '', method: 'get', fields: { q: '2' }, logIn: undefined },
  ]);
});

test('no form, no page, half a page: no forms, or what there is', () => {
  for (const html of [
    '',
    'text',
    '<p>',
    '<input name="a">',
    '<script><form action="/x"></script>',
    '<textarea><form>',
  ])
    assert.deepEqual(readForms(html), []);
  assert.deepEqual(readForms('<form action=x'), []);
  assert.deepEqual(readForms('<form action=x><input name=a value=b'), [
    { action: 'x', method: 'get', fields: {}, logIn: undefined },
  ]);
});

test('a name that is special to JavaScript is a name', () => {
  const [form] = readForms(
    '<form><input name="__proto__" value="x"><input name="constructor" value="y"></form>',
  );
  assert.deepEqual(Object.entries(form!.fields), [
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
});

test('a page has its size, its tags, its forms and their fields', () => {
  const fields = (count: number): string =>
    `<form>${Array.from({ length: count }, (_, at) => `<input name="n${at}">`).join('')}</form>`;
  assert.equal(Object.keys(readForms(fields(64))[0]!.fields).length, 64);
  refuses(fields(65));
  assert.equal(readForms('<form></form>'.repeat(16)).length, 16);
  refuses('<form></form>'.repeat(17));
  assert.deepEqual(readForms('<b>'.repeat(3_999)), [], 'deep');
  refuses('<b>'.repeat(4_000));
  assert.deepEqual(readForms(' '.repeat(131_072)), []);
  refuses(' '.repeat(131_073));
});
