/** Addresses of agents and identity providers. */
import { MAX_URI } from './elements.ts';

/** Absolute, https, without user, password or fragment, as URL writes it but for the slash of an empty path. */
export function isHttpsUrl(text: string): boolean {
  if (text.length > MAX_URI || !text.startsWith('https://') || !URL.canParse(text)) return false;
  const { href, username, password, hash } = new URL(text);
  return (
    (href === text || href === `${text}/`) &&
    username === '' &&
    password === '' &&
    hash === '' &&
    !text.endsWith('#')
  );
}
