/** Metrics as Chihaya publishes them, so that its dashboards go on working; changing one is a breaking release. */
export const HTTP_DURATION = 'chihaya_http_response_duration_milliseconds'
export const UDP_DURATION = 'chihaya_udp_response_duration_milliseconds'
export const GC_DURATION = 'chihaya_storage_gc_duration_milliseconds'
export const INFOHASHES = 'chihaya_storage_infohashes_count'
export const SEEDERS = 'chihaya_storage_seeders_count'
export const LEECHERS = 'chihaya_storage_leechers_count'

/** 9.375 ms × 2^0 … 2^9, as Chihaya has them. */
export const DURATION_BUCKETS_MS = Array.from({ length: 10 }, (_, i) => 9.375 * 2 ** i)
export const DURATION_LABELS = ['action', 'address_family', 'error'] as const

/** From 0.1 ms up: an announce takes about one, and what Chihaya's buckets begin with is an accident. */
export const FINE_BUCKETS_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
] as const

/** Our own, beside Chihaya's; dashboards and rules in `dist/` are written against these. Base units, no passkey or infohash ever a label. */
export const REDSWARM = {
  /** Tracker process. Histograms in seconds, fine buckets. */
  announceDuration: 'redswarm_announce_duration_seconds', // {frontend}
  scrapeDuration: 'redswarm_scrape_duration_seconds', // {frontend}
  storeDuration: 'redswarm_store_duration_seconds', // {script}
  verifyDuration: 'redswarm_verify_duration_seconds',
  eventLoopLag: 'redswarm_event_loop_lag_seconds', // {stat}: p50, p99, max since the last scrape
  refusals: 'redswarm_refusals_total', // {frontend, reason}
  scriptErrors: 'redswarm_script_errors_total', // {kind}
  storeFailures: 'redswarm_store_failures_total',
  storeInFlight: 'redswarm_store_in_flight',
  passkeyDecisions: 'redswarm_passkey_decisions_total', // {source, result}
  droppedPackets: 'redswarm_udp_dropped_packets_total',
  ready: 'redswarm_ready', // 1 while /readyz is 200
  workers: 'redswarm_workers', // of an instance with several processes
  workerRestarts: 'redswarm_worker_restarts_total',
  /** Read from Redis when scraped: the same on every instance, so dashboards take max. */
  redisNoEviction: 'redswarm_redis_noeviction',
  redisUsedMemory: 'redswarm_redis_used_memory_bytes',
  redisMaxMemory: 'redswarm_redis_maxmemory_bytes', // 0: no limit
  redisEvictedKeys: 'redswarm_redis_evicted_keys',
  passkeys: 'redswarm_passkeys', // members of the whitelist
  whitelistMissing: 'redswarm_whitelist_missing', // 1: passkey approval is on and the set does not exist
  streamEntries: 'redswarm_traffic_stream_entries',
  streamOldestAge: 'redswarm_traffic_oldest_entry_age_seconds',
  trafficTrimmed: 'redswarm_traffic_trimmed_entries',
  deadLetters: 'redswarm_traffic_dead_letters', // {queue}: dlq, failed
  /** Consumer process. */
  consumerLastCommitAge: 'redswarm_consumer_last_commit_age_seconds',
  consumerLag: 'redswarm_consumer_lag_seconds', // now - ms part of the last settled ID; 0 when nothing waits
  consumerPending: 'redswarm_consumer_pending_entries',
  consumerBacklog: 'redswarm_consumer_backlog_entries', // behind the group, delivered to nobody yet
  consumerSettled: 'redswarm_consumer_settled_entries_total',
  consumerDuplicates: 'redswarm_consumer_duplicate_entries_total',
  consumerCredited: 'redswarm_consumer_credited_bytes_total', // {direction}: upload, download
  consumerOverlaps: 'redswarm_consumer_overlap_bytes_total', // {direction}: claimed again, credited once
  consumerRecovered: 'redswarm_consumer_recovered_bytes_total', // {direction}: lost by Redis, credited all the same
  consumerGaps: 'redswarm_consumer_gaps_total', // holes found between claims of a session
  consumerLost: 'redswarm_consumer_lost_entries_total', // trimmed before they were read
  consumerForgotten: 'redswarm_consumer_forgotten_entries_total', // older than what the ledger remembers: credited nothing
  consumerDeadLettered: 'redswarm_consumer_dead_lettered_entries_total', // {queue}
  consumerRetries: 'redswarm_consumer_retries_total', // {cause}: redis, database, deadlock
  consumerBatchDuration: 'redswarm_consumer_batch_duration_seconds',
  riskFlags: 'redswarm_risk_flags_total', // {rule}
} as const
