/** A text that others made, such as a device, without what steers a terminal or hides text: C0, C1, escapes,
 *  bidirectional and other format characters. It can stand in XML as well. */
export function printable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\uFFFE\uFFFF]/gu, '\u{FFFD}');
}

/** The same for JSON, which lets most of that stand as it is: escaped, it says what it said. */
export function printableJson(json: string): string {
  return json.replace(/[\p{Cf}\p{Zl}\p{Zp}\p{Co}\u007F-\u009F]/gu, (hostile) =>
    Array.from({ length: hostile.length }, (_, index) => hostile.charCodeAt(index))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
