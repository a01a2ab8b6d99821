/** SHA-256 as forge's derivations take it, computed by OpenSSL: in half the time that forge's own takes. */
import { hash } from 'node:crypto';
import type forge from 'node-forge';

/** forge calls `start` before each use, which its types do not name; its strings have one character an octet. */
export function forgeSha256(util: typeof forge.util): forge.md.sha256.MessageDigest & { start(): void } {
  let text = '';
  return {
    algorithm: 'sha256',
    blockLength: 64,
    digestLength: 32,
    messageLengthSize: 8,
    messageLength: 0,
    fullMessageLength: null,
    start() {
      text = '';
    },
    update(more) {
      text += more;
      return this;
    },
    // 'binary' is latin1.
    digest: () => util.createBuffer(hash('sha256', Buffer.from(text, 'latin1'), 'binary')),
  };
}
