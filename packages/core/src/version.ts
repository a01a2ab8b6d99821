/** Of all of mom4c: packages and apps are released together. */
export const VERSION = '0.1.0';
