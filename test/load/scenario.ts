/** What is measured: the shape of the swarms, the share of seeders and the way announces travel. */

export const SHAPE_NAMES = ['small', 'large'] as const
export type ShapeName = (typeof SHAPE_NAMES)[number]

/** Percent of the peers that seed. */
export const MIXES = [95, 50] as const

/** `keep-alive` and `close` (a connection for each request) are HTTP. */
const HTTP_TRANSPORTS = ['keep-alive', 'close'] as const
export type HttpTransport = (typeof HTTP_TRANSPORTS)[number]

export const TRANSPORTS = [...HTTP_TRANSPORTS, 'udp'] as const
export type Transport = (typeof TRANSPORTS)[number]

export interface Scenario {
  readonly shape: ShapeName
  readonly swarms: number
  /** Sizes vary around this by a fifth either way. */
  readonly peersPerSwarm: number
  readonly seederPercent: number
}

const FULL = { small: { swarms: 2000, peersPerSwarm: 50 }, large: { swarms: 10, peersPerSwarm: 10_000 } }
const QUICK = { small: { swarms: 100, peersPerSwarm: 50 }, large: { swarms: 2, peersPerSwarm: 2500 } }

export function scenarios(options: {
  readonly isQuick: boolean
  readonly shapes: ReadonlySet<ShapeName>
  readonly seederPercents: ReadonlySet<number>
}): readonly Scenario[] {
  const sizes = options.isQuick ? QUICK : FULL
  return [...options.shapes].flatMap((shape) =>
    [...options.seederPercents].map((seederPercent) => ({ shape, ...sizes[shape], seederPercent })),
  )
}

export function scenarioTitle({ swarms, peersPerSwarm, seederPercent }: Scenario): string {
  return `${swarms.toLocaleString('en')} × ${peersPerSwarm.toLocaleString('en')}, ${seederPercent} % seeders`
}
