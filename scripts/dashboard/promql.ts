/**
 * Queries of the dashboard, by what may be done with a number. Instances of one fleet (a Prometheus job) read the same
 * gauges from the same Redis, so those are taken once; what a process counts by itself adds up.
 */
export const TRACKERS = 'job=~"$job", instance=~"$instance"'
export const CONSUMERS = 'job=~"$consumer"'
const FLEET = 'job=~"$job"'

export interface Selection {
  /** Labels that tell the lines apart. */
  readonly by: readonly string[]
  /** Further matchers, as in `action="announce"`. */
  readonly where?: string
  /** Whose numbers; the trackers', unless said. */
  readonly of?: string
}

/** A number that every instance reads from Redis: once for each fleet, not once for each instance. */
export const once = (metric: string, ...by: readonly string[]): string =>
  `max by (${['job', ...by].join(', ')}) (${metric}{${FLEET}})`

/** What a counter rises by in a second. */
export const perSecond = (counter: string, { by, ...selection }: Selection): string =>
  `sum by (${by.join(', ')}) (rate(${counter}{${matchers(selection)}}[$__rate_interval]))`

/** How much a rare counter rose between two points of the graph. */
export const rise = (counter: string, { by, ...selection }: Selection): string =>
  `sum by (${by.join(', ')}) (increase(${counter}{${matchers(selection)}}[$__rate_interval]))`

export const quantile = (q: number, histogram: string, { by, ...selection }: Selection): string =>
  `histogram_quantile(${q}, ${perSecond(`${histogram}_bucket`, { by: [...by, 'le'], ...selection })})`

/** A gauge of each process. */
export const each = (gauge: string, { where, of }: Omit<Selection, 'by'> = {}): string =>
  `${gauge}{${matchers({ where, of })}}`

const matchers = ({ where, of = TRACKERS }: { where?: string | undefined; of?: string | undefined }) =>
  [of, where].filter(Boolean).join(', ')
