import { Counter, Gauge, Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { expositionFor } from '../../../src/metrics/exposition.ts'

const TEXT = 'text/plain; version=0.0.4; charset=utf-8'
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
/** What Prometheus 2.42 and 3 send. */
const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1'

test.each([
  [undefined, TEXT],
  ['', TEXT],
  ['*/*', TEXT],
  ['text/plain', TEXT],
  ['text/html', TEXT],
  ['application/openmetrics-text', OPEN_METRICS],
  ['application/openmetrics-text; version=9.9.9', TEXT],
  ['application/openmetrics-text;q=0.1, text/plain;q=0.9', TEXT],
  ['application/openmetrics-text;q=0, text/html', TEXT],
  ['Application/OpenMetrics-Text; Version=1.0.0', OPEN_METRICS],
  [PROMETHEUS_2, OPEN_METRICS],
  [PROMETHEUS_3, OPEN_METRICS],
])('Accept: %s', (accept, contentType) => {
  expect(expositionFor(accept).contentType).toBe(contentType)
})

async function aSnapshot() {
  const registry = new Registry()
  const registers = [registry]
  new Counter({ name: 'eggs_total', help: 'Eggs\nand \\ more', labelNames: ['from'], registers }).inc(
    { from: 'a "hen"\n\\' },
    3,
  )
  new Gauge({ name: 'nest_bytes', help: 'Size', registers }).set(0.5)
  new Gauge({ name: 'limit', help: 'None', registers }).set(Number.POSITIVE_INFINITY)
  return registry.getMetricsAsJSON()
}

test('the text format', async () => {
  expect(expositionFor(TEXT).text(await aSnapshot())).toBe(
    `# HELP eggs_total Eggs\\nand \\\\ more
# TYPE eggs_total counter
eggs_total{from="a \\"hen\\"\\n\\\\"} 3

# HELP nest_bytes Size
# TYPE nest_bytes gauge
nest_bytes 0.5

# HELP limit None
# TYPE limit gauge
limit +Inf
`,
  )
})

test('OpenMetrics: a counter is named without _total, its value with it, and the end is marked', async () => {
  expect(expositionFor(OPEN_METRICS).text(await aSnapshot())).toBe(
    `# HELP eggs Eggs\\nand \\\\ more
# TYPE eggs counter
eggs_total{from="a \\"hen\\"\\n\\\\"} 3
# HELP nest_bytes Size
# TYPE nest_bytes gauge
nest_bytes 0.5
# HELP limit None
# TYPE limit gauge
limit +Inf
# EOF
`,
  )
})
