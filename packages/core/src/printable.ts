/** A text that others made, such as a device, without what steers a terminal or hides text: C0, C1, escapes,
 *  bidirectional and other format characters. It can stand in XML as well. */
export function printable(text: string): string {
  return text.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\uFFFE\uFFFF]/gu, '\u{FFFD}');
}
