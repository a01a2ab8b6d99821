/** What the benchmark and the gateway that takes its streams say to each other, over Node's IPC. */
import type { AgentPlan } from '../../support/range-agent.ts';

export type ToParty = { readonly type: 'start'; readonly plan: AgentPlan };

export type FromParty =
  /** Ports: where SAML20 is asked for, and where EXTERNAL is. */
  | { readonly type: 'ready'; readonly sso: number; readonly encrypted: number }
  /** The first stanza of a stream has been handed on. `at`: as `monotonicMs` has it. */
  | { readonly type: 'stanza'; readonly at: number };
