import type { Infohash, Passkey, PeerId } from '../../src/bittorrent/types.ts'
import type { TrafficEntry } from '../../src/contract/trafficEvent.ts'

export interface Population {
  readonly sessions: number
  readonly users: number
  /** Of the announces, in percent, that moved something. */
  readonly movingPercent: number
}

const INTERVAL_SECONDS = 1_800
const START_SECONDS = 1_800_000_000
/** Primes, so that a round visits every session once (whose count none of them divides). */
const STRIDES = [1_000_003, 7_919, 104_729, 15_485_863, 611_953]
const STEP_BYTES = 64 * 1024 * 1024

/**
 * What sessions announce, all of them once and then again: a first sight, then growth every half hour. Each round goes in
 * another order, and a user's sessions come at any time in it: no announce finds its row near the one before.
 */
export class Announces {
  readonly #population: Population
  readonly #moved: Float64Array
  readonly #since: Float64Array
  readonly #last: Float64Array
  #next = 0

  constructor(population: Population) {
    this.#population = population
    this.#moved = new Float64Array(population.sessions)
    this.#since = new Float64Array(population.sessions)
    this.#last = new Float64Array(population.sessions)
  }

  take(count: number): TrafficEntry[] {
    return Array.from({ length: count }, () => this.#entry())
  }

  #entry(): TrafficEntry {
    const { sessions, users, movingPercent } = this.#population
    const number = this.#next++
    const round = Math.floor(number / sessions)
    const session = ((number % sessions) * STRIDES[round % STRIDES.length]!) % sessions
    const isMoving = round > 0 && (session * 7 + round * 13) % 100 < movingPercent
    const bytes = isMoving ? STEP_BYTES + session : 0
    this.#moved[session]! += bytes
    const atSeconds = START_SECONDS + Math.floor((number * INTERVAL_SECONDS) / sessions)
    if (round === 0) this.#since[session] = atSeconds
    const elapsedSeconds = atSeconds - (this.#last[session] || atSeconds)
    this.#last[session] = atSeconds
    return {
      id: `${atSeconds * 1000}-${number}`,
      event: {
        passkey: hex(session % users, 32) as Passkey,
        infohash: hex(session % 20_011, 40) as Infohash,
        peerId: `2d5452333030302d${hex(session, 24)}` as PeerId,
        port: 51_413,
        ip: '198.51.100.7',
        addressFamily: 'IPv4',
        uploadedDeltaBytes: bytes,
        downloadedDeltaBytes: 0,
        leftBytes: 0,
        event: round === 0 ? 'started' : 'none',
        atSeconds,
        elapsedSeconds,
        intervalSeconds: INTERVAL_SECONDS,
        minIntervalSeconds: INTERVAL_SECONDS / 2,
        totals: {
          uploadedBytes: this.#moved[session]!,
          downloadedBytes: 0,
          sinceSeconds: this.#since[session]!,
        },
        seeders: 40,
        leechers: 3,
        agent: '-TR3000-',
        fd: undefined,
        pd: undefined,
      },
    }
  }
}

/** Spread like the hashes that they stand for. */
function hex(number: number, digits: number): string {
  return (
    (Math.imul(number, 2_654_435_761) >>> 0).toString(16).padStart(8, '0') +
    number.toString(16).padStart(digits - 8, '0')
  )
}
