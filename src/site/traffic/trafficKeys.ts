import { DEAD_LETTERS_SUFFIX, FAILED_SUFFIX } from '../../contract/redisKeys.ts'

export interface TrafficKeys {
  readonly traffic: string
  /** Entries that could not be settled; and those given up after too many attempts. */
  readonly deadLetters: string
  readonly failed: string
}

/** @param traffic name of the stream, with its prefix */
export const trafficKeys = (traffic: string): TrafficKeys => ({
  traffic,
  deadLetters: traffic + DEAD_LETTERS_SUFFIX,
  failed: traffic + FAILED_SUFFIX,
})
