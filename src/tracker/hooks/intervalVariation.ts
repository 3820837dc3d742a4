import type { Infohash, PeerId } from '../../bittorrent/types.ts'
import { section } from '../../config/section.ts'
import { flag, integer, share } from '../../config/values.ts'
import type { Hook } from '../core/tracker.ts'
import { defineHook } from './hook.ts'

export interface IntervalVariationOptions {
  /** Share of the sessions whose interval grows, above 0 and up to 1. */
  readonly probability: number
  /** By 1 up to this many seconds. */
  readonly maxIncreaseSeconds: number
  /** The minimum interval grows by as much. */
  readonly modifiesMinInterval: boolean
}

/**
 * Spreads clients that announce in step. Decided by infohash and peer id, as Chihaya does it: a session is told the same
 * interval each time, by every instance.
 */
export function intervalVariation(options: IntervalVariationOptions): Hook {
  const { probability, maxIncreaseSeconds, modifiesMinInterval } = options
  return {
    name: 'interval variation',
    announce({ infohash, peerId }, plan) {
      const seed = seedOf(infohash, peerId)
      if (mix(seed) / 2 ** 32 >= probability) return
      const increaseSeconds = 1 + (mix(seed ^ 0x5bd1e995) % maxIncreaseSeconds) // another number of the same seed
      plan.intervalSeconds += increaseSeconds
      if (modifiesMinInterval) plan.minIntervalSeconds += increaseSeconds
    },
  }
}

/** 32 bits in which every byte of both ids has a say. */
function seedOf(infohash: Infohash, peerId: PeerId): number {
  let seed = 0
  for (let at = 0; at < 40; at += 8)
    seed = mix(
      seed ^
        Number.parseInt(infohash.slice(at, at + 8), 16) ^
        mix(Number.parseInt(peerId.slice(at, at + 8), 16)),
    )
  return seed
}

/** Scatters 32 bits evenly: each bit of the result depends on each bit of the number (the finaliser of MurmurHash3). */
function mix(number: number): number {
  let bits = number
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

export const intervalVariationHook = defineHook({
  name: 'interval variation',
  options: section({
    probability: ['modify_response_probability', share.prefault(0.2)],
    maxIncreaseSeconds: ['max_increase_delta', integer(1, 86_400).prefault(60)],
    modifiesMinInterval: ['modify_min_interval', flag.prefault(false)],
  }),
  *warnings({ maxIncreaseSeconds }, { announceIntervalSeconds, peerLifetimeSeconds }) {
    if (peerLifetimeSeconds <= announceIntervalSeconds + maxIncreaseSeconds)
      yield {
        key: 'max_increase_delta',
        text: 'makes some clients come back after peer_lifetime, so others do not see them for a moment; raise peer_lifetime',
      }
  },
  create: intervalVariation,
})
