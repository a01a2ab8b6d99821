/** Where the time of a log-in went, by the thirteen steps that a gateway logs (docs/federation.md). */
export const PHASES = [
  'TCP and TLS',
  'streams and SASL',
  'request (7–9)',
  'identity provider (9–10)',
  'assertion (10–12)',
] as const;
/** Milliseconds; together they are the whole log-in. */
export type Phases = Readonly<Record<(typeof PHASES)[number], number>>;

/**
 * @param begin when TCP was asked to connect, and `end` when the partner had the first stanza, by the clock of the lines
 * @param lines of who logs in
 * @throws Error if a step is missing
 */
export function phasesOf(
  begin: number,
  lines: readonly { readonly time: number; readonly step?: unknown }[],
  end: number,
): Phases {
  const at = (step: number): number => {
    const line = lines.find((one) => one.step === step);
    if (!line) throw new Error(`no step ${step} in the log`);
    return line.time;
  };
  // EXTERNAL goes by no agent.
  const isByAgent = lines.some(({ step }) => step === 7);
  const between = (from: number, to: number): number => (isByAgent ? at(to) - at(from) : 0);
  const secured = at(1);
  return {
    'TCP and TLS': secured - begin,
    'streams and SASL': end - secured - between(7, 12),
    'request (7–9)': between(7, 9),
    'identity provider (9–10)': between(9, 10),
    'assertion (10–12)': between(10, 12),
  };
}
