import type { Announce } from './population.ts'

/** What went wrong with an announce; the text comes from a small set, or is what the tracker said. */
export interface Fault {
  /**
   * `refused`: answered with a failure reason. `error`: an answer that is none, or none in time. `connection`: it could
   * not be made, or broke.
   */
  readonly kind: 'refused' | 'error' | 'connection'
  readonly text: string
  /** The target has answered, so the time it took says something about it. */
  readonly isAnswer: boolean
}

/** @param fault undefined: answered with peers. @param receivedBytes of the answer */
export type OnAnswer = (fault: Fault | undefined, receivedBytes: number) => void

/** Carries one announce at a time. */
export interface Lane {
  /** Calls `onAnswer` once, and not before this returns. */
  send(announce: Announce, onAnswer: OnAnswer): void
}

/** A way to one target. */
export interface Transport {
  createLane(): Lane
  /** TCP connections, successful ones; 0 for UDP. */
  connectionsOpened(): number
  /** Gives up what is under way, unanswered. */
  close(): void
}

export const TIMED_OUT: Fault = { kind: 'error', text: 'no answer in time', isAnswer: false }
/** How often lanes look for what has timed out. */
export const TIMEOUT_CHECK_MS = 50
