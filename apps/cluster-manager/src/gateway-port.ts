/** The federation gateway of the domain, asked over the bus. */
import { callAgent } from '@mom4c/bus';
import type { Bus } from '@mom4c/bus';
import { Mom4cError } from '@mom4c/core';
import type { FederationPort, Uuid } from '@mom4c/core';

/** What the gateway only has to look up is there at once; a log-in by way of an identity provider takes longer. */
const LOOK_MS = 5_000;
const CONNECT_MS = 90_000;

/** @returns the port for the sake of one request: its id stands in the log of the gateway */
export function gatewayOver(bus: Bus): (request: Uuid) => FederationPort {
  return (request) => {
    const ask = async (
      endpoint: string,
      args: unknown,
      signal: AbortSignal,
      timeoutMs = LOOK_MS,
    ): Promise<unknown> => {
      try {
        return await callAgent(bus, {
          agent: 'federation',
          endpoint,
          args,
          request,
          timeoutMs,
          signal,
          parse: (value) => value,
        });
      } catch (thrown) {
        throw isAway(thrown)
          ? new Mom4cError('M4C_GATEWAY_UNAVAILABLE', undefined, { cause: thrown })
          : thrown;
      }
    };
    return {
      status: (signal) => ask('status', {}, signal),
      partners: (signal) => ask('partners', {}, signal),
      connect: (domain, signal) => ask('connect', { domain }, signal, CONNECT_MS),
      disconnect: (domain, signal) => ask('disconnect', { domain }, signal),
      metadata: (signal) => ask('metadata', {}, signal),
    };
  };
}

function isAway(thrown: unknown): boolean {
  if (!(thrown instanceof Mom4cError)) return false;
  return thrown.code === 'M4C_AGENT_UNAVAILABLE' || thrown.code === 'M4C_AGENT_TIMEOUT';
}
