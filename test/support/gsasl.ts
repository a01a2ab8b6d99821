/** GNU SASL as the other side of the mechanism SAML20: Debian's `gsasl` as client, its library as server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PYTHON = '/usr/bin/python3';
const SERVER = join(import.meta.dirname, 'gsasl_server.py');

export type GsaslClient = {
  /** Base64. */
  initialResponse(): Promise<string>;
  /** @param challenge base64 @returns the URL that it wants its user to follow, and its response in base64 */
  respond(challenge: string): Promise<{ url: string; response: string }>;
  /** The server said `success`, without data. @returns its exit code */
  succeed(): Promise<number | null>;
  stop(): Promise<void>;
};

/** @param idp not empty: the program insists */
export function startGsaslClient({ authzid, idp }: { authzid?: string; idp: string }): GsaslClient {
  const args = ['--quiet', '--client', '--mechanism', 'SAML20'];
  const child = spawn('gsasl', authzid === undefined ? args : [...args, '--authorization-id', authzid], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error('gsasl has ended');
    return value;
  };
  const tell = (line: string): void => void child.stdin.write(`${line}\n`);
  return {
    async initialResponse() {
      tell(idp);
      // Its prompt and the token share a line; the line before is the name of the mechanism.
      for (;;) {
        const found = /^Enter SAML authentication identifier .*: (\S+)$/.exec(await next());
        if (found) return found[1]!;
      }
    },
    async respond(challenge) {
      tell(challenge);
      for (;;) {
        if (!(await next()).startsWith('Proceed to this URL')) continue;
        return { url: await next(), response: await next() };
      }
    },
    async succeed() {
      tell('');
      child.stdin.end();
      const [code] = await exited;
      return code;
    },
    async stop() {
      child.stdin.end();
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await exited;
    },
  };
}

export type GsaslStep = {
  /** Base64; '' for none. */
  readonly token: string;
  /** `GSASL_NEEDS_MORE`, `GSASL_OK`, or an error. */
  readonly result: string;
  readonly authzid: string | null;
  readonly idp: string | null;
};

export type GsaslServer = {
  readonly version: string;
  /** @param token base64 */
  step(token: string): Promise<GsaslStep>;
  stop(): Promise<void>;
};

/** @param verdict of the relying party, that it has to keep to */
export async function startGsaslServer(url: string, verdict: 'good' | 'bad'): Promise<GsaslServer> {
  const child = spawn(PYTHON, [SERVER, url, verdict], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <Said>(): Promise<Said> => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the server of libgsasl has ended');
    return JSON.parse(value);
  };
  const { version } = await next<{ version: string }>();
  return {
    version,
    step(token) {
      child.stdin.write(`${token}\n`);
      return next<GsaslStep>();
    },
    async stop() {
      child.stdin.end();
      await exited;
    },
  };
}
