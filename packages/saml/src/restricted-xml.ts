/**
 * XML as SAML is accepted here: no document type, comment, processing instruction or CDATA section, and what more
 * `strict-markup.ts` says. The signature library digests some of them in another way than a DOM reads them, so that
 * what is signed is not what is read.
 */
import { DOMParser, type Document } from '@xmldom/xmldom';
import { Mom4cError, type ErrorCode } from '@mom4c/core';
import { bodyStart, checkMarkup, type MarkupLimits, type Span } from './strict-markup.ts';

export type XmlLimits = MarkupLimits & { readonly characters: number };

/** Far more than a response with its assertion, two signatures and their certificates. */
export const MESSAGE_LIMITS: XmlLimits = {
  characters: 64 * 1024,
  depth: 32,
  elements: 400,
  attributes: 32,
};

/** Checked, but not parsed. @throws Mom4cError `code` */
export function checkXml(text: string, code: ErrorCode, limits: XmlLimits = MESSAGE_LIMITS): readonly Span[] {
  if (text.length > limits.characters)
    throw new Mom4cError(code, `more than ${limits.characters} characters`);
  try {
    return checkMarkup(text, limits);
  } catch (cause) {
    throw new Mom4cError(code, cause instanceof Error ? cause.message : undefined, { cause });
  }
}

/** @returns the document. @throws Mom4cError `code` */
export function parseXml(text: string, code: ErrorCode, limits: XmlLimits = MESSAGE_LIMITS): Document {
  checkXml(text, code, limits);
  try {
    const onError = (): never => {
      throw new Error('not even a warning');
    };
    return new DOMParser({ onError }).parseFromString(text.slice(bodyStart(text)), 'text/xml');
  } catch (cause) {
    throw new Mom4cError(code, 'not well-formed', { cause });
  }
}
