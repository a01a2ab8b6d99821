/** CMS AuthEnvelopedData, to P-256, to RSA and under a session key. */
import type { Opener } from '@mom4c/core';
import { createOpener } from '@mom4c/pki';
import { findKey, octetsOf, te1, te2 } from '../corpus.ts';
import { Finding, type Target } from '../target.ts';
import { verdictOfAsync } from '../verdict.ts';

const sealed = octetsOf('signed enclosed cm1');

const openedBy = (name: string, weight: number, opener: Opener, seeds: Buffer[]): Target => ({
  name,
  grammar: 'der',
  weight,
  seeds,
  run: (input) =>
    verdictOfAsync(async () => {
      if (!sealed.equals(await opener.open(input, findKey)))
        throw new Finding('opened with a content that nobody sealed');
    }, ['M4C_MALFORMED', 'M4C_TOO_LARGE', 'M4C_CANNOT_OPEN']),
});

const both = octetsOf('sealed both');
const session = octetsOf('sealed session');

export const cmsSealedEc = openedBy('cms-sealed-ec', 8, createOpener(te1), [
  octetsOf('sealed ec'),
  both,
  session,
]);
export const cmsSealedRsa = openedBy('cms-sealed-rsa', 2, createOpener(te2), [
  octetsOf('sealed rsa'),
  both,
  session,
]);
