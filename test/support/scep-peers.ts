/** SCEP programs that others wrote, as a user runs them. Each works in a folder of its own, which the caller removes. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { freePort } from '@mom4c/lab';

/** How it ended. Output is what it said on both streams. */
export type PeerRun = { readonly code: number; readonly output: string };

/** A certificate and its key, PEM files. */
export type PeerFiles = { readonly certificate: string; readonly key: string };

export type PeerRequest = {
  readonly url: string;
  readonly domain: string;
  readonly name: string;
  readonly role: string;
  readonly token?: string | undefined;
  /** The certificate of the authority, PEM. */
  readonly authority: string;
};

/** A peer with one identity. */
export type Peer = {
  readonly name: string;
  /** As `enrol` and `renew` leave them. */
  readonly files: PeerFiles;
  enrol(request: PeerRequest): Promise<PeerRun>;
  /** Under its own certificate, or under another one, which it merely has been given. */
  renew(request: PeerRequest, under?: PeerFiles): Promise<PeerRun>;
  /** Asks again what became of a request that waits for a decision; where there is none `enrol` itself goes on asking. */
  poll?(): Promise<PeerRun>;
};

const LIMIT_MS = 90_000;

function run(command: string, args: readonly string[], folder: string, more: object = {}): Promise<PeerRun> {
  const env = { PATH: `${process.env.PATH}:/usr/sbin`, HOME: folder, ...more };
  return new Promise((resolve) => {
    const options = { cwd: folder, env, timeout: LIMIT_MS, maxBuffer: 1 << 20 };
    execFile(command, args, options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, output: `${stdout}${stderr}` }),
    );
  });
}

/** micromdm's: single DES and SHA-1, whatever the other side offers. Renews under the key that it has. */
export function scepclient(folder: string): Peer {
  mkdirSync(folder, { recursive: true });
  const files = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  const ask = ({ url, domain, name, role, token }: PeerRequest): Promise<PeerRun> => {
    // It keeps its first request, with the token of that day.
    rmSync(join(folder, 'csr.pem'), { force: true });
    const subject = ['-cn', name, '-ou', role, '-organization', domain, '-country', ''];
    const own = ['-private-key', files.key, '-certificate', files.certificate];
    return run(
      'scepclient',
      ['-server-url', url, ...own, ...subject, ...(token ? ['-challenge', token] : [])],
      folder,
    );
  };
  return {
    name: 'micromdm scepclient',
    files,
    enrol: ask,
    async renew(request, under) {
      if (!under) return ask(request);
      writeFileSync(files.certificate, readFileSync(under.certificate));
      writeFileSync(files.key, readFileSync(under.key));
      return ask(request);
    },
  };
}

/** strongSwan's `pki --scep`: RSA only. */
export function strongswan(folder: string): Peer {
  mkdirSync(folder, { recursive: true });
  const files = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  const ask = async (
    { url, domain, name, role, token, authority }: PeerRequest,
    more: readonly string[],
  ): Promise<PeerRun> => {
    writeFileSync(join(folder, 'ca.pem'), authority);
    const fresh = await run('pki', ['--gen', '--type', 'rsa', '--size', '2048', '--outform', 'pem'], folder);
    const key = fresh.output.slice(fresh.output.indexOf('-----BEGIN')).split('-----END')[0];
    writeFileSync(join(folder, 'new.pem'), `${key}-----END RSA PRIVATE KEY-----\n`, { mode: 0o600 });
    const trust = ['--cacert-enc', 'ca.pem', '--cacert-sig', 'ca.pem'];
    const what = ['--in', 'new.pem', '--dn', `O=${domain}, OU=${role}, CN=${name}`, '--outform', 'pem'];
    const asked = await run(
      'pki',
      ['--scep', '--url', url, ...trust, ...what, ...(token ? ['--password', token] : []), ...more],
      folder,
    );
    const certificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n/.exec(asked.output)?.[0];
    if (certificate) {
      writeFileSync(files.certificate, certificate);
      writeFileSync(files.key, readFileSync(join(folder, 'new.pem')), { mode: 0o600 });
    }
    return asked;
  };
  return {
    name: 'strongSwan pki',
    files,
    // Where a person has to decide it asks every second, for a minute.
    enrol: (request) => ask(request, ['--interval', '1', '--maxpolltime', '60']),
    async renew(request, under = files) {
      writeFileSync(join(folder, 'old.pem'), readFileSync(under.certificate));
      writeFileSync(join(folder, 'old-key.pem'), readFileSync(under.key), { mode: 0o600 });
      return ask(request, ['--cert', 'old.pem', '--key', 'old-key.pem']);
    },
  };
}

/** certmonger, through getcert on a bus of its own: that starts its daemon, and ends it when the orders are done. */
export function certmonger(folder: string): Peer {
  const files = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  mkdirSync(folder, { recursive: true });
  // The daemon does not make these by itself on a session bus.
  for (const name of ['requests', 'cas', 'local'])
    mkdirSync(join(folder, '.config/certmonger', name), { recursive: true });
  const bus = (script: string): Promise<PeerRun> =>
    run('dbus-run-session', ['--', 'sh', '-euc', script], folder, { XDG_RUNTIME_DIR: folder });
  const where = `-f ${files.certificate}`;
  /** getcert ends with 0 whatever became of the request; what it waits for is in what it prints. */
  const wait = `list=$(getcert list -s ${where}); echo "$list"
    case "$list" in *ca-error*) exit 1;; *'status: MONITORING'*) ;; *) exit 1;; esac`;
  return {
    name: 'certmonger',
    files,
    enrol({ url, domain, name, role, token, authority }) {
      const ca = join(folder, 'ca.pem');
      writeFileSync(ca, authority);
      return bus(`
        getcert add-scep-ca -s -c peer -u ${url} -N ${ca} -r ${ca}
        getcert request -s -c peer -k ${files.key} ${where} -g 2048 -N CN=${name},OU=${role},O=${domain} \
          ${token ? `-L ${token}` : ''} -w || getcert list -s | grep 'status: CA_WORKING' && exit 0
        ${wait}`);
    },
    renew: (_request, under) => {
      if (under) {
        writeFileSync(files.certificate, readFileSync(under.certificate));
        writeFileSync(files.key, readFileSync(under.key), { mode: 0o600 });
      }
      return bus(`getcert rekey -s ${where} -w; ${wait}`);
    },
    // It has no order that waits for this.
    poll: () => bus(`getcert refresh -s ${where}; until getcert status -s ${where}; do sleep 0.2; done`),
  };
}

/** micromdm's `scepserver`: an authority that is not ours, and issues for RSA only. */
export type ForeignAuthority = {
  /** Of a relay that keeps what goes through it. */
  readonly url: string;
  /** DER of the last pkiMessage and of its answer. */
  readonly exchange: { readonly request: Buffer; readonly reply: Buffer };
  readonly challenge: string;
  /** PEM. */
  readonly certificate: string;
  stop(): Promise<void>;
};

export async function startScepserver(folder: string): Promise<ForeignAuthority> {
  mkdirSync(folder, { recursive: true });
  const challenge = 'a shared secret';
  const depot = ['-depot', join(folder, 'depot')];
  const made = await run(
    'scepserver',
    ['ca', '-init', ...depot, '-keySize', '2048', '-organization', 'beta.test', '-key-password', 'x'],
    folder,
  );
  if (made.code !== 0) throw new Error(made.output);
  const port = await freePort();
  const options = ['-capass', 'x', '-port', String(port), '-challenge', challenge, '-allowrenew', '0'];
  const child = spawn('scepserver', [...depot, ...options], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  let said = '';
  await new Promise<void>((resolve, reject) => {
    ended.then(() => reject(new Error(`scepserver ended: ${said}`)), reject);
    const look = (data: Buffer): void => {
      said += data;
      if (/listening|msg=listen/.test(said)) resolve();
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
  });
  const relay = await startRelay(`http://127.0.0.1:${port}`);
  return {
    url: `${relay.url}/scep`,
    get exchange() {
      return relay.exchange;
    },
    challenge,
    certificate: readFileSync(join(folder, 'depot', 'ca.pem'), 'utf8'),
    async stop() {
      await relay.stop();
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Passes everything on as it is; it listens on loopback, which the server behind it cannot be told to do. */
async function startRelay(target: string) {
  const exchange = { request: Buffer.alloc(0), reply: Buffer.alloc(0) };
  const server = createServer((incoming, response) => {
    void (async () => {
      const request = Buffer.concat(await Array.fromAsync(incoming as AsyncIterable<Buffer>));
      const isPost = incoming.method === 'POST';
      const answer = await fetch(
        `${target}${incoming.url}`,
        isPost ? { method: 'POST', body: Uint8Array.from(request) } : {},
      );
      const reply = Buffer.from(await answer.arrayBuffer());
      if (isPost) Object.assign(exchange, { request, reply });
      response
        .writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
        .end(reply);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    exchange,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Cipher and digest of a pkiMessage as openssl names them: `aes-128-cbc, sha256`. */
export function algorithmsOf(message: Buffer, folder: string): string {
  const [file, envelope] = [join(folder, 'message.der'), join(folder, 'envelope.der')];
  writeFileSync(file, message);
  const openssl = (...args: string[]) =>
    execFileSync('openssl', ['cms', '-inform', 'DER', ...args], { encoding: 'utf8', stdio: 'pipe' });
  const signed = openssl('-cmsout', '-print', '-in', file);
  openssl('-verify', '-noverify', '-binary', '-in', file, '-out', envelope);
  const digest = /digestAlgorithms:\s*algorithm: (\S+)/.exec(signed)?.[1];
  if (readFileSync(envelope).length === 0) return `${digest}`;
  const opened = openssl('-cmsout', '-print', '-in', envelope);
  const cipher = /contentEncryptionAlgorithm:\s*algorithm: (\S+)/.exec(opened)?.[1];
  return `${cipher}, ${digest}`;
}
