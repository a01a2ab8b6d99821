import { loadPino } from './load-pino.ts';

/** Names under which a secret could be logged by mistake. `keyId`, `publicKey` and the like are harmless. */
const SECRET_KEY =
  /pass(word|phrase|wd)?$|secret|token|credential|authorization|cookie|challenge|private|(^|[a-z_-])(pem|pin)$|^(pem|pin|key|keys|otp)$|(session|content|room|pair|group|shared|api|wrap|seal)_?keys?$/i;

const HIDDEN = '[redacted]';
const MAX_DEPTH = 8;
const MAX_TEXT = 16 * 1024;

/** A copy for the log: secrets hidden at any depth, errors spelt out, octets and long texts cut. */
export function redact(value: unknown): unknown {
  return copy(value, 0);
}

function copy(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[too deep]';
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (value instanceof Date) return Number.isNaN(value.valueOf()) ? null : value.toISOString();
  if (Array.isArray(value)) return value.map((item) => copy(item, depth + 1));
  const source = value instanceof Error ? loadPino().stdSerializers.err(value) : value;
  return Object.fromEntries(
    Object.entries(source).map(([key, item]) => [key, SECRET_KEY.test(key) ? HIDDEN : copy(item, depth + 1)]),
  );
}
