import { parseArgs } from 'node:util'
import { MIXES, SHAPE_NAMES, type ShapeName, TRANSPORTS, type Transport } from './scenario.ts'
import { TRACKER_NAMES, type TrackerName } from './trackers/tracker.ts'

export interface BenchOptions {
  readonly isQuick: boolean
  readonly jsonFile: string | undefined
  /** Of each measured phase. */
  readonly seconds: number
  /** The whole run stops, leaving rows out, when it has taken this long. */
  readonly maxSeconds: number
  /** Requests in flight; each connection carries one. */
  readonly connections: number
  readonly trackers: ReadonlySet<TrackerName>
  readonly transports: ReadonlySet<Transport>
  readonly shapes: ReadonlySet<ShapeName>
  readonly seederPercents: ReadonlySet<number>
}

export const USAGE = `Usage: npm run bench -- [--quick] [--only WORD,WORD…] [--connections N] [--json FILE]

  --quick          small swarms and short phases: shows that everything works, measures nothing
  --only           trackers ${TRACKER_NAMES.join(', ')}; transports ${TRANSPORTS.join(', ')};
                   swarms ${SHAPE_NAMES.join(', ')}; seeders in percent ${MIXES.join(', ')}.
                   Words of one kind add up, kinds narrow each other: --only redswarm,close,95
  --connections    1 to 128, default 32; packets in flight over UDP
  --json           also writes the whole result as JSON`

/** What the command line asked for and cannot have. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** @throws UsageError naming the argument and what it may be */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { quick, only, connections, json } = readFlags(args)
  const words = only.flatMap((list) => list.split(',')).filter((word) => word !== '')
  const known = [...TRACKER_NAMES, ...TRANSPORTS, ...SHAPE_NAMES, ...MIXES.map(String)]
  const unknown = words.find((word) => !known.includes(word))
  if (unknown !== undefined) throw new UsageError(`--only ${unknown}: must be one of ${known.join(', ')}`)

  const connectionCount = Number(connections)
  if (!Number.isInteger(connectionCount) || connectionCount < 1 || connectionCount > 128) {
    throw new UsageError(`--connections ${connections}: must be a whole number from 1 to 128`)
  }
  return {
    isQuick: quick,
    jsonFile: json,
    seconds: quick ? 1 : 5,
    maxSeconds: quick ? 60 : 540,
    connections: connectionCount,
    trackers: chosen(words, TRACKER_NAMES),
    transports: chosen(words, TRANSPORTS),
    shapes: chosen(words, SHAPE_NAMES),
    seederPercents: new Set([...chosen(words, MIXES.map(String))].map(Number)),
  }
}

function readFlags(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        connections: { type: 'string', default: '32' },
        json: { type: 'string' },
      },
    })
    return { ...values, json: values.json }
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** All of them when none was named. */
function chosen<T extends string>(words: readonly string[], all: readonly T[]): ReadonlySet<T> {
  const named = all.filter((value) => words.includes(value))
  return new Set(named.length > 0 ? named : all)
}
