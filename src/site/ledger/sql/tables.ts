import type { ColumnType } from 'kysely'

/**
 * Whole numbers, as the driver gives them: `bigint` from SQLite, text from PostgreSQL and MySQL. `asBigint` and
 * `asNumber` read both.
 */
export type WholeNumber = ColumnType<
  bigint | string | number,
  bigint | number | string,
  bigint | number | string
>
type WholeNumberOrNull = ColumnType<
  bigint | string | number | null,
  bigint | number | null,
  bigint | number | null
>
/** A counter that begins at 0. */
type Count = ColumnType<
  bigint | string | number,
  bigint | number | string | undefined,
  bigint | number | string
>

/** The books. docs/ledger.md says what each column holds. */
export interface LedgerTables {
  pt_users: {
    passkey: string
    uploaded: Count
    downloaded: Count
    seed_seconds: Count
    leech_seconds: Count
    completed: Count
    announces: Count
    recovered_uploaded: Count
    recovered_downloaded: Count
    first_seen: WholeNumber
    last_seen: WholeNumber
  }
  pt_user_torrents: {
    passkey: string
    infohash: string
    uploaded: Count
    downloaded: Count
    seed_seconds: Count
    leech_seconds: Count
    announces: Count
    completed_at: WholeNumberOrNull
    first_seen: WholeNumber
    last_seen: WholeNumber
    last_left: WholeNumber
  }
  pt_sessions: {
    passkey: string
    infohash: string
    peer_id: string
    covered: string
    is_open: WholeNumber
    last_ts: WholeNumber
    last_ms: WholeNumber
    last_seq: WholeNumber
    seen_day: WholeNumber
    ip4: string
    ip6: string
    port: WholeNumber
    agent: string
  }
  pt_windows: {
    window_start: WholeNumber
    passkey: string
    infohash: string
    uploaded: Count
    downloaded: Count
    seconds: Count
    announces: Count
    uploaded_no_leechers: Count
    max_leechers: Count
    max_seeders: Count
    resets: Count
    completed_no_data: Count
  }
  pt_sightings: {
    passkey: string
    infohash: string
    peer_id: string
    ip4: string
    ip6: string
    port: WholeNumber
    seen_ts: WholeNumber
  }
  pt_histories: {
    history: WholeNumber
    name: string
    floor_ms: WholeNumberOrNull
    floor_seq: WholeNumberOrNull
    first_seen: WholeNumber
  }
  pt_settled: {
    ms: WholeNumber
    seq: WholeNumber
    history: WholeNumber
    fingerprint: WholeNumber
    has_totals: WholeNumber
  }
  pt_entries: {
    ms: WholeNumber
    seq: WholeNumber
    history: WholeNumber
    part: WholeNumber
    passkey: string
    infohash: string
    peer_id: string
    ts: WholeNumber
    event: string
    claimed_uploaded: WholeNumber
    claimed_downloaded: WholeNumber
    uploaded: WholeNumber
    downloaded: WholeNumber
    reason: string
    hold: string
  }
  pt_dead_letters: {
    history: WholeNumber
    ms: WholeNumber
    seq: WholeNumber
    kind: string
    reason: string
    attempts: WholeNumber
    entries: WholeNumber
    fields: string | null
    noted_at: WholeNumber
  }
  pt_holds: {
    hold: string
    passkey: string
    infohash: string
    state: string
    uploaded: Count
    downloaded: Count
    placed_at: WholeNumber
    placed_by: string
    reason: string
    decided_at: WholeNumberOrNull
    decided_by: string | null
    note: string | null
  }
  pt_parked: {
    hold: string
    infohash: string
    uploaded: Count
    downloaded: Count
  }
  pt_risk_flags: {
    flag: string
    rule: string
    version: WholeNumber
    severity: string
    action: string
    state: string
    passkey: string
    infohash: string
    window_start: WholeNumber
    last_window: WholeNumber
    windows: WholeNumber
    summary: string
    evidence: string
    hold: string
    denied_at: WholeNumberOrNull
    noted_at: WholeNumber
    decided_at: WholeNumberOrNull
    decided_by: string | null
    note: string | null
  }
  pt_meta: {
    name: string
    value: string
  }
}

/** Reads a whole number however the driver gives it. */
export function asBigint(value: bigint | string | number | null | undefined): bigint {
  return BigInt(value ?? 0)
}

/** The same for what is known to be at most 2^53 - 1. */
export function asNumber(value: bigint | string | number | null | undefined): number {
  return Number(value ?? 0)
}
