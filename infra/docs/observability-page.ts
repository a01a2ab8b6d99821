/** docs/observability.md: every metric, from the records by which the programs count. */
import { certificateAuthorityMetrics } from '@mom4c/certificate-authority';
import { clusterManagerMetrics } from '@mom4c/cluster-manager';
import { commandAdapterMetrics } from '@mom4c/command-adapter';
import { federationGatewayMetrics } from '@mom4c/federation-gateway';
import { memberMetrics } from '@mom4c/member';
import { METRIC_PREFIX } from '@mom4c/runtime';
import type { MetricDefinition } from '@mom4c/runtime';
import { taskExecutorMetrics } from '@mom4c/task-executor';
import { GENERATED, code, page, table } from './markdown.ts';

type Definitions = Readonly<Record<string, MetricDefinition>>;

const GROUPS: readonly { title: string; about: string; metrics: Definitions }[] = [
  {
    title: 'Every member',
    about: 'Cluster manager, task executor, command adapter and federation gateway.',
    metrics: memberMetrics,
  },
  { title: 'Cluster manager', about: '', metrics: clusterManagerMetrics },
  {
    title: 'Task executor',
    about: 'An agent listens on the bus of its node only; what is to be known of it, its supervisor tells.',
    metrics: taskExecutorMetrics,
  },
  { title: 'Command adapter', about: '', metrics: commandAdapterMetrics },
  {
    title: 'Federation gateway',
    about:
      'Series with the label `partner` are there for each partner of the configuration; those of log-ins only where there is an ' +
      'authentication agent.',
    metrics: federationGatewayMetrics,
  },
  { title: 'Certificate authority', about: '', metrics: certificateAuthorityMetrics },
];

const SCRAPE = `\`\`\`yaml
scrape_configs:
  - job_name: mom4c
    scheme: https
    tls_config:
      ca_file: ca.pem             # the certificate of the domain's authority
      cert_file: monitor.pem      # enrolled with the role \`monitor\`, as docs/scep.md shows for stock clients
      key_file: monitor.key
    static_configs:
      - targets: ["cm1.alpha.test:9464", "te1.alpha.test:9464"]
\`\`\``;

const ALERTS = `\`\`\`yaml
groups:
  - name: mom4c
    rules:
      - alert: CertificateExpires
        expr: mom4c_certificate_expiry_timestamp_seconds{certificate="own"} - time() < 14 * 86400
        annotations: { summary: "{{ $labels.instance }}: its certificate expires in less than two weeks" }
      - alert: TargetsDoNotAnswer
        expr: sum(rate(mom4c_command_outcomes_total{state="no-answer"}[10m])) / sum(rate(mom4c_command_outcomes_total[10m])) > 0.1
        for: 10m
        annotations: { summary: "more than a tenth of the targets of commands give no answer" }
      - alert: LettersAreForged
        expr: sum by (instance) (rate(mom4c_refused_total{code=~"M4C_BAD_SIGNATURE|M4C_SENDER_MISMATCH|M4C_REPLAY"}[5m])) > 0.1
        for: 5m
        annotations: { summary: "{{ $labels.instance }} refuses letters that were forged or replayed" }
      - alert: PartnerIsAway
        expr: mom4c_federation_link_up == 0 and on (instance, partner) mom4c_federation_link_wanted == 1
        for: 5m
        annotations: { summary: "{{ $labels.instance }} has no link to {{ $labels.partner }}" }
      - alert: FederationExpires
        expr: mom4c_federation_metadata_expiry_timestamp_seconds - time() < 2 * 86400 or mom4c_federation_certificate_expiry_timestamp_seconds - time() < 14 * 86400
        annotations: { summary: "{{ $labels.instance }}: metadata of the federation or the gateway's certificate expire soon" }
\`\`\``;

export function observabilityPage(): string {
  return page(
    GENERATED,
    '# Observability',
    '## Where',
    'A program with the setting `health` ([config.md](config.md)) answers there, over HTTP on the loopback interface or, with ' +
      '`health.tls`, over mutual TLS 1.3: clients then need a certificate of the domain with the role `admin` or `monitor`. ' +
      'Another address without `health.tls` is a fault of the configuration.',
    table(
      ['Path', 'Answer'],
      [
        [code('/livez'), '200 as long as the process answers. If it does not, start it anew.'],
        [
          code('/readyz'),
          '200 if all checks hold, else 503, with each check by name: `{ok, checks: {name: {ok, detail?}}}`. A program that is ' +
            'not ready waits for something outside of it, and starting it anew does not help. Also as `/healthz`.',
        ],
        [code('/metrics'), 'Prometheus text format 0.0.4.'],
      ],
    ),
    '## Metrics',
    `All names begin with \`${METRIC_PREFIX}\`, and all series have the label \`app\`. The standard metrics of processes ` +
      '(`process_*`) and of Node (`nodejs_*`) are there as well. `nodejs_eventloop_lag_*` but for `nodejs_eventloop_lag_seconds` are times between ' +
      'two looks that are a second apart: 1 s means that nothing was late.',
    ...GROUPS.flatMap(({ title, about, metrics }) => [
      `### ${title}`,
      about,
      table(['Metric', 'Type', 'Labels', 'Meaning'], Object.values(metrics).map(row)),
    ]),
    '## Logs',
    'One JSON object a line on standard output: `level`, `time`, `name`, `pid`, `node`, `msg` and the fields of the line. The id ' +
      'of a request (UUIDv7) is the field `id` in each line that concerns it: in `mom4c -v`, in the manager, in each task ' +
      'executor, in its agents (there inside of `agentFields`, since the agent says it), in the command adapter. So `grep ID` ' +
      'over the logs of a domain shows its way. An order to the certificate authority has such an `id` on both sides; a SCEP ' +
      'exchange has its `transactionId` there, and in the error of a node that is refused. A bug has a `correlation` id, which is also what the other side is told. Secrets are ' +
      'hidden by the names of their fields, and never put into messages.',
    '## Prometheus',
    SCRAPE,
    'Alerts to begin with:',
    ALERTS,
  );
}

function row({ name, type, help, labels = {} }: MetricDefinition): string[] {
  const list = Object.entries(labels).map(([label, values]) => `${code(label)}: ${values}`);
  return [code(METRIC_PREFIX + name), type, list.join('; '), help];
}
