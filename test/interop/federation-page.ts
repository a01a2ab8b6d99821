/** Makes the tables of docs/federation-interop.md: `npm run docs:federation`. */
import { openClients } from './federation-clients-matrix.ts';
import { openGsasl } from './federation-gsasl-matrix.ts';
import { writeSection } from './federation-matrix.ts';
import { openStockServers } from './federation-stock-servers-matrix.ts';

await writeSection('gsasl', openGsasl);
await writeSection('stock-servers', openStockServers);
await writeSection('clients', openClients);
