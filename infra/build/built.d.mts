export type BuiltProgram = keyof typeof PROGRAMS;
export declare const PROGRAMS: {
  'actuator-agent': string;
  'certificate-authority': string;
  cli: string;
  'cluster-manager': string;
  'command-adapter': string;
  'federation-gateway': string;
  lab: string;
  'metadata-worker': string;
  'sensor-agent': string;
  'task-executor': string;
};
export declare function programFile(name: BuiltProgram): string;
export declare function isBuilt(root?: string): boolean;
export declare const ROOT: string;
export declare const COMPILED: string;
