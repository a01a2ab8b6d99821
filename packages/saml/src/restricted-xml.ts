/**
 * XML as SAML is accepted here: no document type, comment, processing instruction or CDATA section. The signature
 * library digests some of them in another way than a DOM reads them, so that what is signed is not what is read.
 */
import { DOMParser, type Document } from '@xmldom/xmldom';
import { Mom4cError, type ErrorCode } from '@mom4c/core';

/** Far more than an assertion with its certificate; metadata of a federation have a limit of their own. */
export const MAX_SAML_CHARACTERS = 64 * 1024;

/** In well-formed XML `<!` and `<?` begin nothing else: texts and attributes have `&lt;`. */
const RESTRICTED = /<[!?]/;
const DECLARATION = /^<\?xml\s[^<>?]{0,100}\?>/;

/** @returns the document. @throws Mom4cError `code` */
export function parseXml(text: string, code: ErrorCode, limit: number = MAX_SAML_CHARACTERS): Document {
  if (text.length > limit) throw new Mom4cError(code, `more than ${limit} characters`);
  const body = text.replace(DECLARATION, '');
  if (RESTRICTED.test(body))
    throw new Mom4cError(code, 'a document type, comment, processing instruction or CDATA section');
  try {
    const onError = (): never => {
      throw new Error('not even a warning');
    };
    return new DOMParser({ onError }).parseFromString(body, 'text/xml');
  } catch (cause) {
    throw new Mom4cError(code, 'not well-formed', { cause });
  }
}
