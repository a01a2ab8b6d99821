/** How two domains prove to each other who they are; the gateway's settings have the same, and each is less than the next. */
export const LEVELS = ['permissive', 'verified', 'encrypted', 'sso'] as const;
export type Level = (typeof LEVELS)[number];
