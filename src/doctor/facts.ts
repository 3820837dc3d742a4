import type { Config } from '../config/config.ts'

/** What the checks look at. In all of it undefined is what could not be asked. */
export interface Facts {
  readonly configFile: ConfigFacts
  readonly machine: MachineFacts
  /** undefined: the configuration does not say where Redis is. */
  readonly connection: ConnectionFacts | undefined
  /** undefined: it could not be reached. */
  readonly redis: RedisFacts | undefined
}

export interface ConfigFacts {
  /** undefined when there are problems. */
  readonly config: Config | undefined
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

export interface MachineFacts {
  /** Without the `v`. */
  readonly nodeVersion: string
  /** Open files of a process; undefined where the system does not say. */
  readonly openFiles: number | undefined
  /** The largest receive buffer a UDP socket may have. */
  readonly maxReceiveBufferBytes: number | undefined
  /** undefined: the configuration names no SQLite file, or its folder is not on this machine. */
  readonly ledgerFile?: LedgerFileFacts | undefined
}

/** The SQLite file that the consumer settles into. */
export interface LedgerFileFacts {
  readonly path: string
  /** Room on its volume. */
  readonly freeBytes: number
  readonly totalBytes: number
  /** What is wrong with who may read it. */
  readonly modeWarning: string | undefined
}

export interface ConnectionFacts {
  /** With the password masked. */
  readonly url: string
  /** Why it could not be reached, or stopped answering half way. */
  readonly failure: string | undefined
}

export interface RedisFacts {
  readonly config: Config
  /** Whom Redis knows us as. */
  readonly user: string
  /** INFO, every section. */
  readonly info: ReadonlyMap<string, string> | undefined
  /** CONFIG GET. */
  readonly settings: ReadonlyMap<string, string> | undefined
  readonly clock: ClockFacts | undefined
  /** None where SCRIPT LOAD may not be asked. */
  readonly scripts: readonly ScriptFacts[]
  /** What a scrape of no torrent in particular failed with; undefined when it did not. */
  readonly scrapeFailure: string | undefined
  readonly keys: readonly KeyFacts[]
  readonly swarms: readonly SampleFacts[]
  readonly sessions: readonly SampleFacts[]
  readonly sweep: SweepFacts | undefined
  readonly stream: StreamFacts | undefined
  readonly passkeys: PasskeyFacts
  readonly deadLetters: { readonly waiting: number | undefined; readonly failed: number | undefined }
  /** Addresses of the tracker processes that are connected, one entry for each. */
  readonly trackers: readonly string[] | undefined
  readonly rights: RightsFacts
  /** Whether the user `default`, as whom Redis replays its append-only file, has the rights for it. */
  readonly isReplayAllowed: boolean | undefined
  readonly refused: readonly RefusedQuestion[]
}

export interface ClockFacts {
  /** Redis' clock less this machine's. */
  readonly offsetMs: number
  /** The offset is known to half of it. */
  readonly roundTripMs: number
}

export interface ScriptFacts {
  readonly file: string
  /** undefined: Redis takes it. */
  readonly failure: string | undefined
}

/** One of the fleet's own keys. */
export interface KeyFacts {
  readonly key: string
  readonly wanted: string
  /** `none` when there is no such key. */
  readonly type: string
  /** Seconds until it vanishes, -1: never. */
  readonly ttlSeconds: number
  /** Members, fields or entries. */
  readonly size: number | undefined
  readonly bytes: number | undefined
}

/** One of the keys of a swarm or a session. */
export interface SampleFacts {
  readonly key: string
  readonly type: string
  readonly encoding: string
  readonly size: number
  readonly ttlSeconds: number
}

export interface SweepFacts {
  /** Since when silent peers of some swarm could have been dropped; negative: the next is due then. */
  readonly overdueSeconds: number | undefined
  readonly hasLease: boolean
}

export interface StreamFacts {
  readonly key: string
  readonly length: number
  /** undefined for an empty stream, also below. */
  readonly firstId: string | undefined
  readonly lastId: string
  /** Ever, also those that were trimmed. */
  readonly entriesAdded: number
  /** Of the first entry. */
  readonly oldestSeconds: number
  readonly bytes: number | undefined
  /** Over all entries there are; 0 when the last one is old. */
  readonly perSecond: number
  readonly groups: readonly GroupFacts[] | undefined
  /** Events lost to `max_len`. */
  readonly trimmed: number | undefined
}

export interface GroupFacts {
  readonly name: string
  readonly lastDeliveredId: string
  /** undefined: the group has not read anything yet. */
  readonly entriesRead: number | undefined
  readonly pending: number
  readonly oldestPendingId: string | undefined
  /** False: it was trimmed or deleted before it was settled. */
  readonly isOldestPendingThere: boolean
  /** The oldest entry that is pending or not read yet; undefined: none. */
  readonly oldestUnsettledSeconds: number | undefined
  readonly consumers: readonly ConsumerFacts[]
}

export interface ConsumerFacts {
  readonly name: string
  readonly pending: number
  readonly idleSeconds: number
}

export interface PasskeyFacts {
  readonly key: string
  readonly count: number | undefined
  /** Of the members looked at: hex with capitals, which no announce finds. */
  readonly capitals: number
  /** Members that are no passkeys at all. */
  readonly malformed: number
  readonly looked: number
  /** Sets around the list, by their keys; 0: not there. */
  readonly staged: Leftover
  readonly replaced: Leftover
  readonly before: Leftover
  readonly touched: Leftover
  readonly isImporting: boolean
}

export interface Leftover {
  readonly key: string
  readonly count: number | undefined
}

export interface RightsFacts {
  /** Whose; undefined: nobody's could be looked at. */
  readonly user: string | undefined
  /** Commands of the tracker that this user may not run, with the key if it has one. */
  readonly missing: readonly MissingRight[]
}

export interface MissingRight {
  /** As in an ACL rule: `zadd`. */
  readonly command: string
  /** As in an ACL rule, without the `~`: `swarm:*`. */
  readonly keys: readonly string[]
  readonly isRead: boolean
}

/** What Redis would not tell the doctor. */
export interface RefusedQuestion {
  /** `CONFIG GET` */
  readonly command: string
  readonly hasKeys: boolean
  /** `permission`: the user may not; `unknown`: the server has no such command, or has it under another name. */
  readonly why: 'permission' | 'unknown' | 'other'
  readonly text: string
}
