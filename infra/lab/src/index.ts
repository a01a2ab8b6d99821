export { openLab, startLab } from './lab.ts';
export type { Lab, LabDescription } from './lab.ts';
export type { LabOptions } from './lab-plan.ts';
export type { DomainDescription, LabDomain, ServiceName } from './domain.ts';
export type { Component } from './component.ts';
export { enrollAdministrator } from './administrator.ts';
export type { AdministratorProfile } from './administrator.ts';

export { startXmppServer } from './start-xmpp-server.ts';
export { XMPP_SERVERS, xmppLog, xmppServerKind } from './xmpp-server.ts';
export type { XmppServerKind, XmppServerOptions } from './xmpp-server.ts';
export { directoryBase, startSlapd } from './slapd.ts';
export type { SlapdOptions } from './slapd.ts';
export { startNatsServer } from './nats-server.ts';
export type { NatsServerOptions } from './nats-server.ts';
export type { OnStart, RunningServer, ServerName } from './server.ts';
export type { TlsFiles } from './server-folder.ts';

export { freePort, freePorts, isPortTaken, releasePorts, reservePort } from './ports.ts';
export { familyOf, identify, isAlive } from './process-table.ts';
export type { ProcessIdentity } from './process-table.ts';
export { signalProcess, startProcess, stopProcess, tailOf, until } from './keeper.ts';
export type { ProcessRecord, StartOptions, StartedProcess, StopOptions } from './keeper.ts';
export { whenWritten } from './log-reader.ts';
