import { Mom4cError } from './errors.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;

/** `250ms`, `5s`, `1.5m`, `1h`, `7d` to whole milliseconds. @throws Mom4cError M4C_BAD_ARGUMENTS */
export function parseDuration(text: string): number {
  const match = DURATION.exec(text);
  const milliseconds = match ? Math.round(Number(match[1]) * UNITS[match[2]!]!) : Number.NaN;
  // Hundreds of thousands of years in days are too many to count in milliseconds.
  if (!Number.isSafeInteger(milliseconds)) {
    const shown = JSON.stringify(text.slice(0, 40));
    throw new Mom4cError('M4C_BAD_ARGUMENTS', `not a duration such as 250ms, 5s, 10m, 1h or 7d: ${shown}`);
  }
  return milliseconds;
}
