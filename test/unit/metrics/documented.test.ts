import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as contract from '../../../src/contract/metricNames.ts'
import { addReadiness, createMetrics } from '../../../src/metrics/registry.ts'

const DOCS = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')

interface Row {
  readonly name: string
  readonly type: string
  /** The names alone. */
  readonly labels: readonly string[]
}

/** The tables of the page. */
const rows: Row[] = [...DOCS.matchAll(/^\| `(\w+)` \| (\w+) \| [^|]*\| ([^|]*)\|/gm)].map(
  ([, name, type, labels]) => ({
    name: name!,
    type: type!,
    labels: [...labels!.replaceAll(/\([^)]*\)/g, '').matchAll(/`(\w+)`/g)].map(([, label]) => label!).sort(),
  }),
)

test('each metric that is published has one row', () => {
  const { REDSWARM, DURATION_LABELS, ...names } = contract
  const values: unknown[] = [...Object.values(names), ...Object.values(REDSWARM)]
  const published = values.filter((value) => typeof value === 'string')
  const documented = rows.map(({ name }) => name)
  expect(documented).toEqual([...new Set(documented)])
  expect(documented.filter((name) => /^(chihaya|redswarm)_/.test(name)).sort()).toEqual(published.sort())
})

test('what a tracker tells is of the type and has the labels that its row says', async () => {
  const metrics = createMetrics({
    readStorage: async () => undefined,
    inFlight: () => 0,
    errorKinds: ['timeout'],
  })
  addReadiness(metrics.registry, async () => '')
  metrics.observeRequest('http', 'announce', 'IPv4', 'invalid port', 1)
  metrics.observeStoreCall('announce', 0.001)
  metrics.countPasskeyDecision('site', 'approved', 0.01)
  for (const { name, type, values } of await metrics.registry.getMetricsAsJSON()) {
    const row = rows.find((each) => each.name === name)
    expect(row?.type, name).toBe(type)
    const labels = Object.keys(values[0]?.labels ?? {}).filter((label) => label !== 'le')
    if (values.length > 0 && name !== contract.UDP_DURATION) expect(labels.sort(), name).toEqual(row?.labels)
  }
})
