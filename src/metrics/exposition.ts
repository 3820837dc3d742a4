import type { MetricObjectWithValues, MetricValue } from 'prom-client'

/** All metrics of one process, or the sums over several, as plain data: what a registry's `getMetricsAsJSON()` gives. */
export type Snapshot = readonly MetricObjectWithValues<MetricValue<string>>[]

export interface Exposition {
  readonly contentType: string
  text(snapshot: Snapshot): string
}

const TEXT: Exposition = {
  contentType: 'text/plain; version=0.0.4; charset=utf-8',
  text: (snapshot) => snapshot.map((metric) => family(metric, metric.name, metric.name)).join('\n'),
}

/** A counter's family has no `_total` there, its values have. */
const OPEN_METRICS: Exposition = {
  contentType: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  text(snapshot) {
    const families = snapshot.map((metric) => {
      const name = isCounter(metric) ? metric.name.replace(/_total$/, '') : metric.name
      return family(metric, name, isCounter(metric) ? `${name}_total` : name)
    })
    return `${families.join('')}# EOF\n`
  },
}

const isCounter = ({ type }: { readonly type: unknown }) => type === 'counter'

/**
 * The format that is wanted most.
 * @param accept the header; without one, and for whatever else, Prometheus' text format
 */
export function expositionFor(accept: string | undefined): Exposition {
  let best = { exposition: TEXT, quality: -1 }
  for (const range of (accept ?? '').split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    const exposition = formatOf(type!, parameters)
    const quality = Number(parameters.find((each) => each.startsWith('q='))?.slice(2) ?? 1)
    if (exposition && quality > Math.max(best.quality, 0)) best = { exposition, quality }
  }
  return best.exposition
}

function formatOf(type: string, parameters: readonly string[]): Exposition | undefined {
  const version = parameters.find((each) => each.startsWith('version='))?.slice(8)
  if (type === 'application/openmetrics-text')
    return version === undefined || version === '1.0.0' ? OPEN_METRICS : undefined
  return ['text/plain', 'text/*', '*/*'].includes(type) ? TEXT : undefined
}

function family({ help, type, values }: Snapshot[number], name: string, valueName: string): string {
  let text = `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`
  for (const { metricName = valueName, labels, value } of values as readonly Sample[]) {
    text += `${metricName}${labelList(labels)} ${numberText(value)}\n`
  }
  return text
}

type Sample = Snapshot[number]['values'][number] & { readonly metricName?: string }

function labelList(labels: Readonly<Record<string, string | number | undefined>>): string {
  const list = Object.entries(labels).map(
    ([name, value]) => `${name}="${escaped(String(value)).replaceAll('"', '\\"')}"`,
  )
  return list.length === 0 ? '' : `{${list.join(',')}}`
}

const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

function numberText(value: number): string {
  return Number.isFinite(value) || Number.isNaN(value) ? String(value) : value > 0 ? '+Inf' : '-Inf'
}
