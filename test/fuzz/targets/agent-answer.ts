/** Answers on the node's bus: of an agent that is broken or not the one it says it is. */
import { requireEndpoint } from '../../../packages/bus/src/call-agent.ts';
import { decodeReply } from '../../../packages/bus/src/wire-errors.ts';
import type { Target } from '../target.ts';
import { verdictOf } from '../verdict.ts';

const SUBJECT = 'agent.sensors.list';
const ENDPOINTS = [{ name: 'list', subject: SUBJECT, queue_group: 'q' }];

export const agentAnswer: Target = {
  name: 'agent-answer',
  grammar: 'json',
  weight: 8,
  seeds: [
    { sensors: [{ n: 'cpu', u: 'Cel', v: 41.5, t: 0 }] },
    { code: 'M4C_SENSOR_UNKNOWN', detail: 'none such', correlation: 'a' },
    {
      name: 'sensors',
      id: 'X',
      version: '0.1.0',
      type: 'io.nats.micro.v1.info_response',
      endpoints: ENDPOINTS,
    },
  ].map((value) => Buffer.from(JSON.stringify(value))),
  run(input) {
    const plain = verdictOf(() => decodeReply({ error: '', errorCode: '', data: input }), ['M4C_BAD_RESULT']);
    verdictOf(
      () => decodeReply({ error: 'M4C_SENSOR_UNKNOWN', errorCode: '501', data: input }),
      ['M4C_BAD_RESULT', 'M4C_SENSOR_UNKNOWN'],
    );
    const call = { agent: 'sensors', endpoint: 'list' };
    verdictOf(
      () => requireEndpoint({ data: input }, call, SUBJECT),
      ['M4C_BAD_RESULT', 'M4C_AGENT_UNAVAILABLE'],
    );
    return plain;
  },
};
