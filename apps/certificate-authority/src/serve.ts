/** The running authority: SCEP, the admin API, and publication to the directory. */
import { generateKeyPairSync } from 'node:crypto';
import { isIP } from 'node:net';
import { systemClock, systemRandom, VERSION } from '@mom4c/core';
import type { Log } from '@mom4c/core';
import { createDirectoryPublisher } from '@mom4c/pki';
import type { Identity } from '@mom4c/pki';
import { createMetrics, startHealthServer } from '@mom4c/runtime';
import type { App } from '@mom4c/runtime';
import { startAdminService } from './admin-service.ts';
import { openAuthority } from './authority-keystore.ts';
import type { AuthorityKeys } from './authority-keystore.ts';
import { createCertificateStore } from './certificate-store.ts';
import type { CertificateAuthorityConfig } from './config.ts';
import { openDatabase } from './database.ts';
import { createEnrolmentStore } from './enrolment-store.ts';
import { createGeneration } from './generation.ts';
import { createIssuing } from './issuing.ts';
import type { Issuing, IssuingParts } from './issuing.ts';
import { certificateAuthorityMetrics } from './metrics.ts';
import { createOrders } from './orders.ts';
import { startPublication } from './publication.ts';
import type { Publication } from './publication.ts';
import { createRevocationList } from './revocation-list.ts';
import { createScepPolicy } from './scep-policy.ts';
import { startScepService } from './scep-service.ts';
import { createTokenStore } from './token-store.ts';

const [clock, random] = [systemClock, systemRandom];

/** The parts that the service and the verbs of the operator share. Close the database at the end. */
export function openStores(config: CertificateAuthorityConfig, keys: AuthorityKeys, log: Log): IssuingParts {
  const database = openDatabase(config.state);
  return {
    ...keys,
    domain: config.domain,
    validityDays: config.validity.days,
    database,
    tokens: createTokenStore(database, clock, random),
    certificates: createCertificateStore(database, clock),
    enrolments: createEnrolmentStore(database, config.enrolment, clock, random),
    clock,
    random,
    log,
  };
}

export async function serve(app: App, config: CertificateAuthorityConfig): Promise<void> {
  app.log.setLevel(config.log.level);
  const { log } = app;
  const keys = await openAuthority(config);
  const stores = openStores(config, keys, log);
  app.onStop('database', () => stores.database.close());
  const purged = {
    certificates: stores.certificates.purge(),
    tokens: stores.tokens.purge(),
    enrolments: stores.enrolments.purge(),
  };
  log.debug(purged, 'forgot what expired long ago');
  const issuing = createIssuing(stores);

  const publication = config.directory && (await publish(config.directory, stores, issuing));
  if (publication) {
    app.onStop('publication', () => publication.stop());
    publication.wake();
  }

  const metrics = createMetrics(app.name);
  const requests = metrics.counter(certificateAuthorityMetrics.requests);
  const orders = metrics.counter(certificateAuthorityMetrics.orders);
  metrics.watch(certificateAuthorityMetrics.info, () => [[{ version: VERSION }, 1]]);
  metrics.watch(certificateAuthorityMetrics.unpublished, () => stores.certificates.unpublished().length);
  metrics.watch(certificateAuthorityMetrics.expiry, () => [
    [{ certificate: 'authority' }, keys.authority.notAfter / 1000],
  ]);

  const own = { authority: keys.authority, key: keys.authorityKey, clock, random };
  const onChange = () => publication?.wake();
  const revocationList = createRevocationList(stores);
  const generation = createGeneration(stores);
  const { withoutToken } = config.enrolment;
  const policyFor = (remote: string) =>
    createScepPolicy({ ...stores, issuing, revocationList, withoutToken }, remote);
  const scep = await startScepService({
    ...config.scep,
    own,
    policyFor,
    revocationList,
    generation,
    observe: (type, result) => requests.add({ type, result }),
    onAnswered: onChange,
    clock,
    log,
  });
  app.onStop('scep', () => scep.stop());

  const admin = await startAdminService({
    ...stores,
    ...config.admin,
    observe: (status) => orders.add({ status: String(status) }),
    orders: createOrders({ ...stores, issuing, generation, onChange }),
    identity: await adminIdentity(config, issuing),
  });
  app.onStop('admin', () => admin.stop());

  if (config.health) {
    const checks = new Map([['database', () => ({ ok: stores.certificates.revocations() >= 0 })]]);
    // What members have beside this, XMPP above all, an authority has no use for.
    const { healthTls } = await import('@mom4c/member');
    const tls = healthTls(config.health, keys.authority);
    const health = await startHealthServer({ ...config.health, tls, checks, metrics, log });
    app.onStop('health', () => health.stop());
  }
  const { fingerprint } = keys.authority;
  log.info({ scep: scep.port, admin: admin.port, fingerprint }, 'ready');
  app.notifyReady({ scep: scep.port, admin: admin.port, fingerprint });
}

async function publish(
  directory: NonNullable<CertificateAuthorityConfig['directory']>,
  parts: IssuingParts,
  issuing: Issuing,
): Promise<Publication> {
  const { authority, certificates, log } = parts;
  const { publicKey, privateKey } = newKeyPair();
  const identity: Identity = { key: privateKey, certificate: await issuing.issueOwn(publicKey) };
  const publisher = createDirectoryPublisher({ ...directory, authority, identity, clock, log });
  return startPublication({ certificates, publisher, clock, random, log });
}

async function adminIdentity({ admin }: CertificateAuthorityConfig, issuing: Issuing): Promise<Identity> {
  const { publicKey, privateKey } = newKeyPair();
  const names = [
    'localhost',
    '127.0.0.1',
    ...admin.names,
    ...(isUnspecified(admin.host) ? [] : [admin.host]),
  ];
  const unique = [...new Set(names)];
  const [ips, dns] = [unique.filter((name) => isIP(name)), unique.filter((name) => !isIP(name))];
  return { key: privateKey, certificate: await issuing.issueAdmin({ dns, ips, publicKey }) };
}

/** Keys of this process are made at its start and never stored: whoever holds the keystore could make them anyway. */
function newKeyPair() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function isUnspecified(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
