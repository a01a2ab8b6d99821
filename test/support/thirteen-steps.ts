/** The thirteen steps of a log-in between two domains (docs/federation.md), as the gateways of both tell them at debug level. */

/** By who opens the stream. */
export const OPENER = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13];
/** By whom it is opened to; 12 for the assertion and for the success. */
export const TAKER = [1, 2, 3, 4, 5, 6, 8, 12, 12, 13];
