export type Settings = { readonly [name: string]: Setting };
export type Setting = string | number | Settings | readonly Setting[];

/** Nested settings as YAML; strings in double quotes, whose escapes are JSON's, and lists as JSON has them. */
export function toYaml(settings: Settings, indent = ''): string {
  return Object.entries(settings)
    .map(([name, value]) =>
      isNested(value)
        ? `${indent}${name}:\n${toYaml(value, `${indent}  `)}`
        : `${indent}${name}: ${JSON.stringify(value)}\n`,
    )
    .join('');
}

function isNested(value: Setting): value is Settings {
  return typeof value === 'object' && !Array.isArray(value);
}
