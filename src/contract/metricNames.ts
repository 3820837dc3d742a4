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
