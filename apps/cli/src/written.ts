/** What was found, for a person or for a program. */
import { printableJson } from '@mom4c/core';
import { toYaml } from '@mom4c/runtime';
import type { Format } from './formats.ts';

/** @param table makes the form for people */
export function written(value: unknown, format: Format, table: () => string): string {
  switch (format) {
    case 'json':
      return `${printableJson(JSON.stringify(value, null, 2))}\n`;
    case 'yaml':
      return toYaml(value);
    case 'table':
      return table();
  }
}

/** One of many: a line of JSON, a document of YAML. */
export function writtenInStream(value: unknown, format: Format, table: () => string): string {
  switch (format) {
    case 'json':
      return `${printableJson(JSON.stringify(value))}\n`;
    case 'yaml':
      return `---\n${toYaml(value)}`;
    case 'table':
      return table();
  }
}
