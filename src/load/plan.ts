/** What one run of the generator is to do. Everything in it is within bounds already. */
export interface LoadPlan {
  /** All of one protocol. Announces go round them. */
  readonly urls: readonly string[]
  /** Without it every address of every target has to be this machine's own. */
  readonly ownsTarget: boolean
  /**
   * An open loop sends at this rate whatever becomes of the answers, as many people do who know nothing of each other;
   * undefined is a closed loop: each connection sends its next announce when it has the answer to the last.
   */
  readonly ratePerSecond: number | undefined
  /** Announces under way at once, at most. */
  readonly connections: number
  /** HTTP: one connection carries many announces. */
  readonly keepAlive: boolean
  /** From the beginning until the full rate, or the full number of connections. */
  readonly rampMs: number
  /** From the beginning, not counted. */
  readonly warmUpMs: number
  /** Counted, after the warm-up. */
  readonly durationMs: number
  /** Ends the run early. Those of the warm-up count here. */
  readonly maxAnnounces: number
  /** No answer for this long is a failure. */
  readonly timeoutMs: number
  readonly population: PopulationPlan
}

export interface PopulationPlan {
  readonly swarms: number
  /** At least one for each swarm. */
  readonly peers: number
  /** Exponent of Zipf's law: the n-th largest swarm has 1 / n^zipf of the largest one's peers. 0: all of one size. */
  readonly zipf: number
  readonly seederPercent: number
  readonly numwant: number
  /** Peers share them out in turn; none for an open tracker. */
  readonly passkeys: readonly string[]
  /** The same text gives the same swarms and peers; generators side by side need different ones. */
  readonly seed: string
  /** The 8 characters a peer_id begins with (BEP 20). */
  readonly clientCode: string
  /** Announces that each peer has made in earlier runs. 0: its first one is `started`. */
  readonly firstRound: number
}

/** The run cannot begin. One line, without a passkey. */
export class LoadRefused extends Error {
  override readonly name = 'LoadRefused'
}
