/** The reader of DER: what it takes is the one encoding of what it gives. */
import { decode, encode } from '../../../packages/pki/src/der.ts';
import { allOf } from '../corpus.ts';
import { Finding, type Target } from '../target.ts';
import { verdictOf } from '../verdict.ts';

export const der: Target = {
  name: 'der',
  grammar: 'der',
  weight: 10,
  seeds: [...allOf('certificate '), ...allOf('signed '), ...allOf('sealed '), ...allOf('keystore')],
  run: (input) =>
    verdictOf(() => {
      if (!encode(decode(input, 65_536)).equals(input)) throw new Finding('another encoding was taken');
    }, ['M4C_MALFORMED']),
};
