export type Settings = { readonly [name: string]: string | number | Settings };

/** Nested settings as YAML; strings in double quotes, whose escapes are JSON's. */
export function toYaml(settings: Settings, indent = ''): string {
  return Object.entries(settings)
    .map(([name, value]) =>
      typeof value === 'object'
        ? `${indent}${name}:\n${toYaml(value, `${indent}  `)}`
        : `${indent}${name}: ${JSON.stringify(value)}\n`,
    )
    .join('');
}
