import { createHash } from 'node:crypto'
import type { PopulationPlan } from '../../src/load/plan.ts'

/** What is measured: the shape of the swarms, the share of seeders and the way announces travel. */

/** Shapes of swarms by name: those of a full run, and of `--quick`. */
const SHAPES = {
  small: { full: { swarms: 2000, peersPerSwarm: 50 }, quick: { swarms: 100, peersPerSwarm: 50 } },
  large: { full: { swarms: 10, peersPerSwarm: 10_000 }, quick: { swarms: 2, peersPerSwarm: 2500 } },
} as const
export type ShapeName = keyof typeof SHAPES
export const SHAPE_NAMES = Object.keys(SHAPES) as ShapeName[]

/** Percent of the peers that seed. */
export const MIXES = [95, 50] as const

/** `keep-alive` and `close` (a connection for each request) are HTTP. */
export const TRANSPORTS = ['keep-alive', 'close', 'udp'] as const
export type Transport = (typeof TRANSPORTS)[number]

export interface Scenario {
  readonly shape: ShapeName
  readonly swarms: number
  readonly peersPerSwarm: number
  readonly seederPercent: number
}

const NUMWANT = 50
const USERS = 15_000
/** What the whitelist holds: 32 hex digits each. */
export const PASSKEYS = Array.from({ length: USERS }, (_, user) =>
  createHash('sha1').update(`passkey ${user}`).digest('hex').slice(0, 32),
)

export function scenarios(options: {
  readonly isQuick: boolean
  readonly shapes: ReadonlySet<ShapeName>
  readonly seederPercents: ReadonlySet<number>
}): readonly Scenario[] {
  return [...options.shapes].flatMap((shape) =>
    [...options.seederPercents].map((seederPercent) => ({
      shape,
      ...SHAPES[shape][options.isQuick ? 'quick' : 'full'],
      seederPercent,
    })),
  )
}

export function scenarioTitle({ swarms, peersPerSwarm, seederPercent }: Scenario): string {
  return `${swarms.toLocaleString('en')} × ${peersPerSwarm.toLocaleString('en')}, ${seederPercent} % seeders`
}

/** The peers of a scenario: the same ones for every tracker and in every run. */
export function populationPlan(
  { shape, swarms, peersPerSwarm, seederPercent }: Scenario,
  { usesPasskeys, firstRound }: { readonly usesPasskeys: boolean; readonly firstRound: number },
): PopulationPlan {
  return {
    swarms,
    peers: swarms * peersPerSwarm,
    zipf: 0,
    seederPercent,
    numwant: NUMWANT,
    passkeys: usesPasskeys ? PASSKEYS : [],
    seed: `bench ${shape} ${seederPercent}`,
    clientCode: '-qB4650-',
    firstRound,
  }
}
