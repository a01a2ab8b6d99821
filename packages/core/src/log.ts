/** The part of a logger that packages use; runtime gives a pino logger. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** For who has nobody to tell. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
