import type { KeyObject } from 'node:crypto';
import type { Certificate } from '@mom4c/core';

/** A certificate and the private key that belongs to it. */
export type Identity = { readonly key: KeyObject; readonly certificate: Certificate };
